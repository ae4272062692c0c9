import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { TokenRequest, TokenReview } from '../../../src/api/generated/authentication-v1.ts';
import type { PodSpec } from '../../../src/api/generated/core-v1.ts';
import { clusterRoleBindings, configMaps, pods, serviceAccounts } from '../../../src/api/resource.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { testhost } from '../fixture/testhost-image.ts';

const suite = useConformanceCluster();
const tokenPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Creates a Pod that comes to its end; what it printed. */
async function output(namespace: string, name: string, spec: Partial<PodSpec>): Promise<string> {
  const own = suite.kube.of(pods, namespace);
  await own.create({ metadata: { name }, spec: { restartPolicy: 'Never', containers: [], ...spec } });
  const { status } = await own.until(name, (pod) => ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? ''));
  const log = await suite.kube.ask('GET', `${own.path(name)}/log`);
  assert.equal(status?.phase, 'Succeeded', log.text);
  return log.text;
}

const review = (token: string) =>
  suite.kube.json<TokenReview>('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token } } });

describe('service accounts', { concurrency: 4 }, () => {
  conformance('[sig-auth] ServiceAccounts should mount an API token into pods', async () => {
    const { kube } = suite;
    const namespace = await kube.namespace('svcaccounts');
    await kube.of(serviceAccounts, namespace).create({ metadata: { name: 'mount-test' } });
    const own = kube.of(pods, namespace);
    const name = 'pod-service-account';
    await own.create({
      metadata: { name },
      spec: {
        serviceAccountName: 'mount-test',
        terminationGracePeriodSeconds: 0,
        restartPolicy: 'Never',
        containers: [{ name: 'test', image: testhost, command: ['sleep', '100000'] }],
      },
    });
    const pod = await own.until(name, (one) => one?.status?.phase === 'Running');
    const read = (file: string) =>
      suite.cluster.kubectl(['exec', '-n', namespace, name, '-c', 'test', '--', 'cat', `${tokenPath}/${file}`]);
    const [token, ca, mountedNamespace] = await Promise.all(['token', 'ca.crt', 'namespace'].map(read));
    const rootCa = await kube.of(configMaps, namespace).get('kube-root-ca.crt');
    assert.equal(ca, rootCa.data?.['ca.crt']);
    assert.equal(mountedNamespace, namespace);

    const { status } = await review(token!);
    assert.equal(status?.authenticated, true);
    assert.equal(status.error ?? '', '');
    assert.equal(status.user?.username, `system:serviceaccount:${namespace}:mount-test`);
    for (const group of ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`])
      assert.ok(status.user?.groups?.includes(group), group);
    const { extra } = status.user as { extra?: Record<string, string[]> };
    assert.deepEqual(extra?.['authentication.kubernetes.io/pod-name'], [name]);
    assert.deepEqual(extra?.['authentication.kubernetes.io/pod-uid'], [pod.metadata.uid]);
  });

  conformance('[sig-auth] ServiceAccounts should allow opting out of API token automount', async () => {
    const { kube } = suite;
    const namespace = await kube.namespace('svcaccounts');
    const accounts = kube.of(serviceAccounts, namespace);
    await accounts.create({ metadata: { name: 'mount' }, automountServiceAccountToken: true });
    await accounts.create({ metadata: { name: 'nomount' }, automountServiceAccountToken: false });
    const cases: [account: string, ofPod: boolean | undefined, mounted: boolean][] = [
      ['default', undefined, true],
      ['mount', undefined, true],
      ['nomount', undefined, false],
      ['default', true, true],
      ['mount', true, true],
      ['nomount', true, true],
      ['default', false, false],
      ['mount', false, false],
      ['nomount', false, false],
    ];
    for (const [i, [serviceAccountName, automountServiceAccountToken, mounted]] of cases.entries()) {
      const { spec } = await kube.of(pods, namespace).create({
        metadata: { name: `pod-service-account-${i}` },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'token-test', image: testhost }],
          serviceAccountName,
          ...(automountServiceAccountToken === undefined ? {} : { automountServiceAccountToken }),
        },
      });
      const mounts = spec!.containers[0]!.volumeMounts ?? [];
      assert.equal(
        mounts.some(({ mountPath }) => mountPath === tokenPath),
        mounted,
        `${serviceAccountName}, ${automountServiceAccountToken}`,
      );
    }
  });

  conformance('[sig-auth] ServiceAccounts should mount projected service account token', async () => {
    const namespace = await suite.kube.namespace('svcaccounts');
    const text = await output(namespace, 'test-pod', {
      containers: [
        {
          name: 'agnhost-container',
          image: testhost,
          args: ['mounttest', '--file_content=/test-volume/token'],
          volumeMounts: [{ name: 'test-volume', mountPath: '/test-volume', readOnly: true }],
        },
      ],
      volumes: [
        {
          name: 'test-volume',
          projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }] },
        },
      ],
    });
    assert.match(text, /content of file "\/test-volume\/token": [A-Za-z0-9-_=]+\.[A-Za-z0-9-_=]+\.?[A-Za-z0-9-_.+/=]*/);
  });

  conformance(
    '[sig-auth] ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer',
    async () => {
      const { kube } = suite;
      const namespace = await kube.namespace('svcaccounts');
      const role = 'system:service-account-issuer-discovery';
      await kube.of(clusterRoleBindings).create({
        metadata: { name: `${namespace}-${role}` },
        subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
        roleRef: { name: role, apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole' },
      });
      const audience = 'oidc-discovery-test';
      const get = (url: string) =>
        `curl -sSf --cacert ${tokenPath}/ca.crt -H "authorization: Bearer $(cat ${tokenPath}/token)" ${url}`;
      const server = 'https://kubernetes.default.svc';
      const script = [
        'cat /var/run/secrets/tokens/sa-token && echo',
        `${get(`${server}/.well-known/openid-configuration`)} && echo`,
        `${get(`${server}/openid/v1/jwks`)} && echo`,
      ].join(' && ');
      const text = await output(namespace, 'oidc-discovery-validator', {
        serviceAccountName: 'default',
        containers: [
          {
            name: 'oidc-discovery-validator',
            image: testhost,
            command: ['sh', '-c', script],
            volumeMounts: [{ name: 'sa-token', mountPath: '/var/run/secrets/tokens', readOnly: true }],
          },
        ],
        volumes: [
          {
            name: 'sa-token',
            projected: {
              sources: [{ serviceAccountToken: { path: 'sa-token', expirationSeconds: 600, audience } }],
            },
          },
        ],
      });
      const [token, configuration, keys] = text.split('\n');
      const { issuer, jwks_uri } = JSON.parse(configuration!) as { issuer: string; jwks_uri: string };
      assert.match(jwks_uri, /\/openid\/v1\/jwks$/);
      const { payload } = await jwtVerify(token!, createLocalJWKSet(JSON.parse(keys!)), { issuer, audience });
      assert.equal(payload.sub, `system:serviceaccount:${namespace}:default`);
    },
  );

  conformance('[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount', async () => {
    const { kube } = suite;
    const namespace = await kube.namespace('svcaccounts');
    const accounts = kube.of(serviceAccounts, namespace);
    const labelSelector = 'test-serviceaccount-static=true';
    const watching = await accounts.watch({ labelSelector, timeoutSeconds: 180 });
    const name = 'testserviceaccount';
    await accounts.create({ metadata: { name, labels: { 'test-serviceaccount-static': 'true' } } });
    await watching.take('ADDED');
    await accounts.patch(name, 'strategic', { automountServiceAccountToken: false });
    await watching.take('MODIFIED');
    const { items } = await kube.of(serviceAccounts).list({ labelSelector });
    assert.ok(
      items.some(
        ({ metadata, automountServiceAccountToken }) =>
          metadata.name === name && metadata.namespace === namespace && automountServiceAccountToken === false,
      ),
    );
    await accounts.deleteCollection();
    await watching.take('DELETED');
    watching.stop();
  });

  conformance('[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace', async () => {
    const namespace = await suite.kube.namespace('svcaccounts');
    const maps = suite.kube.of(configMaps, namespace);
    const name = 'kube-root-ca.crt';
    const first = await maps.until(name, (map) => map);
    await maps.delete(name, { gracePeriodSeconds: 0 });
    await maps.until(name, (map) => map && map.metadata.uid !== first.metadata.uid);
    await suite.kube.json('PUT', maps.path(name), {
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { 'ca.crt': '' } },
    });
    await maps.until(name, (map) => map?.data?.['ca.crt']);
  });

  conformance('[sig-auth] ServiceAccounts should update a ServiceAccount', async () => {
    const accounts = suite.kube.of(serviceAccounts, await suite.kube.namespace('svcaccounts'));
    const name = 'e2e-sa';
    const created = await accounts.create({ metadata: { name }, automountServiceAccountToken: false });
    assert.equal(created.automountServiceAccountToken, false);
    const updated = await accounts.change(name, (account) => {
      account.automountServiceAccountToken = true;
    });
    assert.equal(updated.automountServiceAccountToken, true);
  });

  conformance(
    '[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview',
    async () => {
      const accounts = suite.kube.of(serviceAccounts, await suite.kube.namespace('svcaccounts'));
      await accounts.create({ metadata: { name: 'e2e-sa' } });
      const { status } = await suite.kube.json<TokenRequest>('POST', accounts.path('e2e-sa', 'token'), { body: {} });
      assert.ok(status?.token);
      const reviewed = await review(status.token);
      assert.equal(reviewed.status?.authenticated, true);
      assert.equal(reviewed.status.error ?? '', '');
    },
  );
});
