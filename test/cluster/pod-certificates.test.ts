import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { ClusterTrustBundle, PodCertificateRequest } from '../../src/api/generated/certificates-v1beta1.ts';
import type { VolumeProjection } from '../../src/api/generated/core-v1.ts';
import { requestedKey } from '../../src/api/pkcs10.ts';
import { builtin } from '../../src/api/resource.ts';
import { formatTime } from '../../src/api/time.ts';
import { certificateFor, issue, newPrivateKey } from '../../src/apiserver/pki/certificate.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

const bundles = builtin<ClusterTrustBundle>('certificates.k8s.io', 'v1beta1', 'clustertrustbundles');
const requests = builtin<PodCertificateRequest>('certificates.k8s.io', 'v1beta1', 'podcertificaterequests');

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster({ up: '--runtime-config=certificates.k8s.io/v1beta1=true' });
});
after(() => cluster?.delete());

const hourMs = 3_600_000;
const authority = () => {
  const [notBefore, notAfter] = [Date.now() - 60_000, Date.now() + 24 * hourMs];
  return issue({ commonName: 'root', usage: 'ca', notBefore, notAfter }).certificate;
};
const bundle = (name: string, trustBundle: string, more: object = {}, labels = {}) => ({
  apiVersion: 'certificates.k8s.io/v1beta1',
  kind: 'ClusterTrustBundle',
  metadata: { name, labels },
  spec: { trustBundle, ...more },
});
const projecting = (name: string, ...sources: VolumeProjection[]) =>
  pod(name, shell(stay, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }), {
    volumes: [{ name: 'v', projected: { sources } }],
  });
const anchors = (text: string) => text.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/g)?.sort();

/** What is in a file of the volume, once it is what is expected. */
const untilFile = (space: Space, name: string, file: string, expected: string[]) =>
  until(`${file} of ${name}`, async () => {
    const found = anchors(await space.exec(name, `cat /v/${file}`)) ?? [];
    return JSON.stringify(found) === JSON.stringify(expected.toSorted());
  });

describe('trust bundles in projected volumes', { concurrency: 4 }, () => {
  test('come by name and by signer, each anchor once, and follow their bundles', async () => {
    const space = await cluster.space('bundles');
    const [one, two, three] = [authority(), authority(), authority()] as [string, string, string];
    const signerName = 'example.com/bundles';
    await space.apply(
      bundle('roots', `words\n${one}${two}`),
      bundle('example.com:bundles:a', one + two, { signerName }, { live: 'yes' }),
      bundle('example.com:bundles:b', two, { signerName }, { live: 'yes' }),
      bundle('example.com:bundles:c', three, { signerName }, { live: 'no' }),
    );
    const live = { matchLabels: { live: 'yes' } };
    await space.apply(
      projecting(
        'reader',
        { clusterTrustBundle: { name: 'roots', path: 'named.pem' } },
        { clusterTrustBundle: { signerName, labelSelector: live, path: 'live.pem' } },
        { clusterTrustBundle: { signerName, labelSelector: {}, path: 'all.pem' } },
        { clusterTrustBundle: { name: 'absent', optional: true, path: 'empty.pem' } },
      ),
    );
    await space.untilReady('reader');
    const read = (file: string) => space.exec('reader', `cat /v/${file}`);
    assert.deepEqual(anchors(await read('named.pem')), [one, two].sort());
    assert.deepEqual(anchors(await read('live.pem')), [one, two].sort());
    assert.deepEqual(anchors(await read('all.pem')), [one, two, three].sort());
    assert.equal(await read('live.pem'), await read('named.pem'), 'the same anchors are in the same order');
    assert.equal(await read('empty.pem'), '');
    await space.apply(bundle('roots', three));
    await untilFile(space, 'reader', 'named.pem', [three]);
    await cluster.client.delete(bundles, 'example.com:bundles:c');
    await untilFile(space, 'reader', 'all.pem', [one, two]);
  });

  test('that are absent hold up their Pod until they are there', async () => {
    const space = await cluster.space('late');
    await space.apply(projecting('waits', { clusterTrustBundle: { name: 'late', path: 'roots.pem' } }));
    await until('the event', async () =>
      (await space.kubectl('get events -o jsonpath={.items[*].message}')).includes(
        'while getting ClusterTrustBundle: clustertrustbundles.certificates.k8s.io "late" not found',
      ),
    );
    await space.apply(bundle('late', authority()));
    await space.untilReady('waits');
  });

  test('need the right to speak for their signer', async () => {
    const space = await cluster.space('attest');
    await space.kubectl('create clusterrole bundler --verb=create,get,patch --resource=clustertrustbundles');
    await space.kubectl('create clusterrolebinding bundler --clusterrole=bundler --user=ann');
    const own = bundle('example.com:attest:a', authority(), { signerName: 'example.com/attest' });
    const refused = await space.kubectlFails('apply --as=ann -f -', { input: JSON.stringify(own) });
    assert.match(refused, /user not permitted to attest for signerName "example.com\/attest"/);
    await space.kubectl('apply --as=ann -f -', { input: JSON.stringify(bundle('anns', authority())) });
  });
});

describe('certificates of Pods in projected volumes', { concurrency: 4 }, () => {
  const signerName = 'example.com/pods';
  const source = (more: object = {}): VolumeProjection => ({
    podCertificate: { signerName, keyType: 'ECDSAP256', credentialBundlePath: 'bundle.pem', ...more },
  });
  /** The request of a Pod, once the kubelet has made it. */
  const requestOf = (space: Space, name: string) =>
    until(`a request of ${name}`, async () => {
      const { items } = await cluster.client.list(requests, { namespace: space.name });
      return items.find(({ spec }) => spec.podName === name);
    });
  const condition = (type: string, reason: string, message = '') => ({
    ...{ type, status: 'True' as const, reason, message },
    lastTransitionTime: formatTime(new Date()),
  });

  test('are issued by a signer and written with their key', async () => {
    const space = await cluster.space('certificates');
    await space.apply(projecting('web', source({ keyPath: 'key.pem', certificateChainPath: 'chain.pem' })));
    const request = await requestOf(space, 'web');
    assert.equal(request.spec.nodeName, cluster.config.nodeName);
    assert.equal(request.spec.maxExpirationSeconds, 86_400);
    assert.equal(request.metadata.ownerReferences?.[0]?.name, 'web');
    const notBefore = Math.floor(Date.now() / 1000) * 1000;
    const notAfter = notBefore + 2 * hourMs;
    const certificateChain = certificateFor(
      requestedKey(Buffer.from(request.spec.stubPKCS10Request, 'base64')),
      { commonName: 'web', usage: 'client', notBefore, notAfter },
      { commonName: 'root', key: newPrivateKey().key },
    );
    const time = (ms: number) => formatTime(new Date(ms));
    const status = {
      ...{ conditions: [condition('Issued', 'Signed')], certificateChain },
      ...{ notBefore: time(notBefore), beginRefreshAt: time(notBefore + hourMs), notAfter: time(notAfter) },
    };
    await cluster.client.update(requests, { ...request, status }, { subresource: 'status' });
    await space.untilReady('web');
    const [all, key, chain] = [
      await space.exec('web', 'cat /v/bundle.pem'),
      await space.exec('web', 'cat /v/key.pem'),
      await space.exec('web', 'cat /v/chain.pem'),
    ];
    assert.equal(chain, certificateChain);
    assert.equal(all, key + chain);
    assert.match(new X509Certificate(chain).subject, /CN=web/);
    const again = { ...status, certificateChain: '' };
    const current = await cluster.client.get(requests, request.metadata.name, space.name);
    await assert.rejects(
      cluster.client.update(requests, { ...current, status: again }, { subresource: 'status' }),
      /immutable after PodCertificateRequest is issued, denied, or failed/,
    );
  });

  test('that are denied are told of', async () => {
    const space = await cluster.space('denied');
    await space.apply(projecting('web', source({ keyType: 'RSA4096' })));
    const request = await requestOf(space, 'web');
    const status = { conditions: [condition('Denied', 'UnsupportedKeyType', 'use ED25519')] };
    await cluster.client.update(requests, { ...request, status }, { subresource: 'status' });
    await until('both events', async () => {
      const told = await space.kubectl('get events -o jsonpath={.items[*].message}');
      return told.includes('was denied, reason="UnsupportedKeyType"') && told.includes('was permanently denied');
    });
  });

  test('are asked for by the node of the Pod only', async () => {
    const space = await cluster.space('others');
    await space.apply(projecting('web', source()));
    const { spec } = await requestOf(space, 'web');
    const group = '--as-group=system:nodes';
    const attempt = (node: string, more: object) =>
      space.kubectlFails(['create', '-f', '-', `--as=system:node:${node}`, group], {
        input: JSON.stringify({
          ...{ apiVersion: 'certificates.k8s.io/v1beta1', kind: 'PodCertificateRequest' },
          ...{ metadata: { generateName: 'req-' }, spec: { ...spec, ...more } },
        }),
      });
    assert.match(await attempt('other', {}), /NodeName="\S+", which is not the requesting node "other"/);
    assert.match(
      await attempt('other', { nodeName: 'other' }),
      /for pod "web" which is not bound to the requesting node "other"/,
    );
    assert.match(
      await attempt(spec.nodeName, { podUID: 'another' }),
      /contains pod UID \("another"\) which differs from running pod/,
    );
    const list = ['get', 'podcertificaterequests', `--as=system:node:${spec.nodeName}`, group];
    assert.match(await space.kubectlFails(list), /can only list\/watch PodCertificateRequests with field selector/);
    assert.match(await space.kubectl([...list, `--field-selector=spec.nodeName=${spec.nodeName}`]), /req-/);
  });
});
