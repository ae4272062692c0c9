import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { PodCertificateRequest } from '../../api/generated/certificates-v1beta1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { requestedKey } from '../../api/pkcs10.ts';
import { builtin, nodes, serviceAccounts } from '../../api/resource.ts';
import { certificateFor, newPrivateKey } from '../../apiserver/pki/certificate.ts';
import { FakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { FakeTransport } from '../../client/fake-transport.ts';
import { createInformerFactory } from '../../client/informers.ts';
import { createClient } from '../../client/rest.ts';
import { FakeEvents } from '../fake-node.ts';
import { PodCertificates } from './pod-certificates.ts';

const requests = builtin<PodCertificateRequest>('certificates.k8s.io', 'v1beta1', 'podcertificaterequests');
const pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web' },
  spec: { serviceAccountName: 'app', containers: [] },
} as unknown as Pod;
const hourMs = 3_600_000;

async function start() {
  const clock = new FakeClock();
  const client = createClient(new FakeTransport());
  const informers = createInformerFactory(client, { log: silentLogger, clock });
  informers.start();
  const events = new FakeEvents();
  const told = new EventTarget();
  const changed = () => void told.dispatchEvent(new Event('changed'));
  await client.create(nodes, { metadata: { name: 'node-1' } } as never);
  await client.create(serviceAccounts, { metadata: { name: 'app', namespace: 'default' } } as never);
  const certificates = new PodCertificates({
    ...{ client, informers, events, clock, changed, nodeName: 'node-1' },
    jitter: () => 0,
  });
  const get = (keyType = 'ECDSAP256') =>
    certificates.get(pod, {
      volume: 'v',
      index: 0,
      projection: { signerName: 'example.com/pods', keyType, maxExpirationSeconds: 7200 },
    });
  /** The requests of the Pod, oldest first. */
  const asked = async () => (await client.list(requests, { namespace: 'default' })).items;
  /** Does what a signer does, and waits until the kubelet has seen it. */
  const decide = async (request: PodCertificateRequest, status: PodCertificateRequest['status']) => {
    const seen = new Promise((resolve) => told.addEventListener('changed', resolve, { once: true }));
    await client.update(requests, { ...request, status: status! }, { subresource: 'status' });
    await seen;
  };
  const issue = (request: PodCertificateRequest) => {
    const [notBefore, notAfter] = [clock.now(), clock.now() + 2 * hourMs];
    const key = requestedKey(Buffer.from(request.spec.stubPKCS10Request, 'base64'));
    const certificate = certificateFor(
      key,
      { commonName: 'web', usage: 'client', notBefore, notAfter },
      { commonName: 'ca', key: newPrivateKey().key },
    );
    return decide(request, {
      conditions: [{ type: 'Issued', status: 'True', reason: 'Signed', message: '', lastTransitionTime: '' }],
      certificateChain: `some words\n${certificate}`,
      notBefore: new Date(notBefore).toISOString(),
      beginRefreshAt: new Date(notBefore + hourMs).toISOString(),
      notAfter: new Date(notAfter).toISOString(),
    });
  };
  return { certificates, clock, client, events, get, asked, decide, issue };
}

const notYet = /credential bundle is not issued yet/;

describe('certificates of Pods', () => {
  for (const type of ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072'])
    it(`are asked for with a ${type} key, once, and given when they are issued`, async () => {
      const { get, asked, issue } = await start();
      await assert.rejects(get(type), notYet);
      await assert.rejects(get(type), notYet);
      const [request, ...others] = await asked();
      assert.equal(others.length, 0);
      const { podName, podUID, serviceAccountName, nodeName, maxExpirationSeconds } = request!.spec;
      assert.deepEqual(
        [podName, podUID, serviceAccountName, nodeName, maxExpirationSeconds],
        ['web', 'uid-web', 'app', 'node-1', 7200],
      );
      await issue(request!);
      const { key, chain } = await get(type);
      const leaf = new X509Certificate(chain);
      assert.ok(leaf.publicKey.equals(createPublicKey(createPrivateKey(key))));
      assert.ok(chain.startsWith('-----BEGIN'), 'what stands between the blocks is dropped');
    });

  it('are refreshed from beginRefreshAt on, and the old one stays until the new one is there', async () => {
    const { certificates, clock, get, asked, issue } = await start();
    await assert.rejects(get(), notYet);
    await issue((await asked())[0]!);
    const first = await get();
    clock.advance(hourMs - 1);
    assert.deepEqual([...certificates.due()], []);
    clock.advance(1);
    assert.deepEqual([...certificates.due()], ['uid-web']);
    assert.equal(await get(), first);
    assert.deepEqual([...certificates.due()], [], 'asked once');
    const [, second] = await asked();
    await issue(second!);
    const renewed = await get();
    assert.notEqual(renewed.key, first.key);
  });

  it('tell when they are overdue and when they have expired', async () => {
    const { certificates, clock, events, get, asked, issue } = await start();
    await assert.rejects(get(), notYet);
    await issue((await asked())[0]!);
    clock.advance(hourMs + 601_000);
    certificates.due();
    certificates.due();
    assert.deepEqual(events.seen, ['CertificateOverdueForRefresh: PodCertificate refresh overdue']);
    clock.advance(hourMs);
    certificates.due();
    assert.equal(events.seen.at(-1), 'CertificateExpired: PodCertificate expired');
  });

  it('are refused for good', async () => {
    const { events, get, asked, decide } = await start();
    await assert.rejects(get(), notYet);
    const [request] = await asked();
    await decide(request!, {
      conditions: [
        { type: 'Denied', status: 'True', reason: 'UnsupportedKeyType', message: 'no', lastTransitionTime: '' },
      ],
    });
    await assert.rejects(get(), /permanently denied: reason="UnsupportedKeyType" message="no"/);
    assert.match(events.seen[0] ?? '', /^Denied: PodCertificateRequest default\/req-\S+ was denied, reason=/);
    assert.equal((await asked()).length, 1);
  });

  it('are asked for again when the request was deleted', async () => {
    const { client, certificates, clock, get, asked } = await start();
    await assert.rejects(get(), notYet);
    const [request] = await asked();
    await client.delete(requests, request!.metadata.name, 'default');
    clock.advance(16 * 60_000);
    assert.deepEqual([...certificates.due()], ['uid-web']);
    await assert.rejects(get(), notYet);
    assert.notEqual((await asked())[0]?.metadata.name, request!.metadata.name);
  });
});
