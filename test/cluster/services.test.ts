import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Service } from '../../src/api/generated/core-v1.ts';
import { endpointSlices, endpoints, pods, services } from '../../src/api/resource.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { get } from './fixture/http.ts';
import { deployment, pod, service, shell, stay, web } from './fixture/objects.ts';
import { until, untilObject } from './fixture/until.ts';

let cluster: TestCluster;
let space: Space;
/** Addresses of the Services, which all lead to the two Pods of `web`. */
let found: Record<'cluster' | 'node' | 'balanced', Service>;

before(async () => {
  cluster = await startTestCluster();
  space = await cluster.space('net');
  await space.apply(
    deployment('web', 2, web()),
    service('cluster', 'web'),
    service('node', 'web', { type: 'NodePort' }),
    service('balanced', 'web', { type: 'LoadBalancer' }),
    service('headless', 'web', { clusterIP: 'None' }),
    service('sticky', 'web', { sessionAffinity: 'ClientIP' }),
    service('nobody', 'nobody', { type: 'LoadBalancer' }),
    service('outside', 'x', {
      type: 'ExternalName',
      externalName: 'example.org',
      ports: undefined,
      selector: undefined,
    }),
    pod('client', shell(stay)),
    pod('named', shell(stay), { hostname: 'alpha', subdomain: 'headless' }, { app: 'web' }),
  );
  await Promise.all([
    space.kubectl('rollout status deployment/web --timeout=60s'),
    space.untilReady('client'),
    space.untilReady('named'),
  ]);
  await space.kubectl('delete pod named --wait=false');
  const balanced = await space.until(services, 'balanced', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
  found = { cluster: await space.get(services, 'cluster'), node: await space.get(services, 'node'), balanced };
});
after(() => cluster?.delete());

describe('the network', { concurrency: 3 }, () => {
  const curl = (url: string, more = '') => space.exec('client', `curl -s --max-time 10 ${more} ${url}`);
  const ingress = (one: Service) => one.status?.loadBalancer?.ingress?.[0]?.ip as string;

  /** Asks until both Pods have answered. */
  async function bothAnswer(ask: () => Promise<string>): Promise<void> {
    const seen = new Set<string>();
    await until('both Pods answer', async () => {
      seen.add((await ask()).trim());
      for (const name of seen) assert.match(name, /^web-/);
      return seen.size === 2;
    });
  }

  test('ClusterIP, NodePort and LoadBalancer lead to every Pod, from the host', async () => {
    const { nodeAddress } = cluster.config.plan;
    const nodePort = found.node.spec.ports?.[0]?.nodePort as number;
    assert.ok(nodePort >= 30000 && nodePort <= 32767);
    await bothAnswer(() => get(`http://${found.cluster.spec.clusterIP}/`));
    await bothAnswer(() => get(`http://${nodeAddress}:${nodePort}/`));
    await bothAnswer(() => get(`http://${ingress(found.balanced)}/`));
  });

  test('and from a Pod', async () => {
    const { nodeAddress } = cluster.config.plan;
    await bothAnswer(() => curl(`http://${found.cluster.spec.clusterIP}/`));
    await bothAnswer(() => curl(`http://${nodeAddress}:${found.node.spec.ports?.[0]?.nodePort}/`));
    await bothAnswer(() => curl(`http://${ingress(found.balanced)}/`));
    await bothAnswer(() => curl('http://cluster/'));
  });

  test('a Pod reaches itself through its own Service', async () => {
    // A Pod of the Deployment: others with this label come and go in tests that run beside this one.
    const own = { namespace: 'net', labelSelector: 'app=web,pod-template-hash' };
    const [one] = (await cluster.client.list(pods, own)).items;
    await bothAnswer(() =>
      space.exec(one?.metadata.name as string, `curl -s --max-time 10 http://${found.cluster.spec.clusterIP}/`),
    );
  });

  test('Endpoints and EndpointSlices name the ready Pods', async () => {
    const ips = (
      await cluster.client.list(pods, { namespace: 'net', labelSelector: 'app=web,pod-template-hash' })
    ).items
      .map((one) => one.status?.podIP)
      .sort();
    await space.until(endpoints, 'cluster', (one) => {
      const addresses = (one?.subsets ?? []).flatMap((subset) => subset.addresses?.map(({ ip }) => ip) ?? []);
      return addresses.sort().join() === ips.join();
    });
    const slices = await cluster.client.list(endpointSlices, {
      namespace: 'net',
      labelSelector: 'kubernetes.io/service-name=cluster',
    });
    const ready = slices.items.flatMap(({ endpoints: all }) => all ?? []).filter(({ conditions }) => conditions?.ready);
    assert.deepEqual(ready.flatMap(({ addresses }) => addresses).sort(), ips);
  });

  test('DNS knows Services, headless Services, Pods and external names', async () => {
    const lookup = async (name: string) =>
      [...(await space.exec('client', `nslookup ${name} || true`)).matchAll(/^Address(?: \d+)?: +([\d.]+)$/gm)]
        .map((match) => match[1] as string)
        .sort();
    const clusterIp = found.cluster.spec.clusterIP as string;
    for (const name of ['cluster.net.svc.cluster.local', 'kubernetes.default.svc.cluster.local'])
      assert.equal((await lookup(name)).length, 1, name);
    assert.deepEqual(await lookup('cluster.net.svc.cluster.local'), [clusterIp]);
    assert.match(await curl('http://cluster.net.svc/'), /^web-/);
    assert.match(await curl('http://cluster.net/'), /^web-/);
    const ips = async () =>
      (await cluster.client.list(pods, { namespace: 'net', labelSelector: 'app=web' })).items
        .map((one) => one.status?.podIP as string)
        .sort();
    await until(
      'the headless Service has the addresses of the Pods',
      async () => (await lookup('headless.net.svc.cluster.local')).join() === (await ips()).join(),
    );
    const [ip] = await ips();
    assert.deepEqual(await lookup(`${ip?.replaceAll('.', '-')}.net.pod.cluster.local`), [ip]);
    assert.match(await space.exec('client', 'nslookup absent.net.svc.cluster.local || true'), /NXDOMAIN/);
    assert.match(
      await space.exec('client', 'nslookup -type=srv _x._tcp.cluster.net.svc.cluster.local || true'),
      /NXDOMAIN|No answer/,
    );
    assert.match(await space.exec('client', 'nslookup -type=ptr 1.0.0.127.in-addr.arpa || true'), /./);
    assert.match(
      await space.exec('client', 'cat /etc/resolv.conf'),
      new RegExp(
        `^search net.svc.cluster.local svc.cluster.local cluster.local.*\\nnameserver ${cluster.config.plan.dnsServiceIp}\\noptions ndots:5$`,
        'm',
      ),
    );
    assert.match(
      await space.exec('client', 'nslookup -type=cname outside.net.svc.cluster.local || true'),
      /canonical name = example\.org/,
    );
  });

  test('without endpoints a connection is refused at once', async () => {
    const nobody = await space.until(services, 'nobody', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
    for (const address of [nobody.spec.clusterIP as string, ingress(nobody)]) {
      await assert.rejects(get(`http://${address}/`), /ECONNREFUSED/);
      const outcome = await space.tryKubectl([
        'exec',
        'client',
        '--',
        'curl',
        '-s',
        '--max-time',
        '10',
        `http://${address}/`,
      ]);
      assert.equal(outcome.code, 7, 'curl: failed to connect, which is not 28: timed out');
    }
  });

  test('session affinity keeps a client with one Pod', async () => {
    const answers = new Set(
      (await space.exec('client', 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do curl -s http://sticky/; done'))
        .trim()
        .split('\n'),
    );
    assert.equal(answers.size, 1, [...answers].join());
  });

  test('a Pod that is not ready gets no requests', async () => {
    const gate = web({ readinessProbe: { exec: { command: ['test', '-e', '/tmp/ready'] }, periodSeconds: 1 } });
    await space.apply(pod('gated', gate, {}, { app: 'gated' }), service('gated', 'gated'));
    const { spec } = await space.get(services, 'gated');
    const url = `http://${spec.clusterIP}/`;
    await space.until(pods, 'gated', (one) => one?.status?.containerStatuses?.[0]?.started);
    await assert.rejects(get(url), /ECONNREFUSED/);
    await space.exec('gated', 'touch /tmp/ready');
    await space.untilReady('gated');
    assert.equal(await until('the Pod answers', () => get(url)), 'gated');
    await space.exec('gated', 'rm /tmp/ready');
    await until('the connection is refused', () =>
      get(url).then(
        () => false,
        (error: Error) => /ECONNREFUSED/.test(error.message),
      ),
    );
  });

  test('the Service of the API server comes back and leads to it', async () => {
    const before = await cluster.client.get(services, 'kubernetes', 'default');
    await cluster.client.delete(services, 'kubernetes', 'default');
    const again = await untilObject(cluster.client, services, 'default', 'kubernetes', (one) => one);
    assert.notEqual(again.metadata.uid, before.metadata.uid);
    assert.deepEqual(again.spec, before.spec);
    assert.equal(await until('it answers', () => curl('https://kubernetes.default/readyz', '-k')), 'ok');
  });

  test('a host port leads to the Pod', async () => {
    const hostPort = 20_000 + (process.pid % 10_000);
    await space.apply(pod('hosted', web({ ports: [{ containerPort: 8080, hostPort }] })));
    await space.untilReady('hosted');
    assert.equal(
      await until('the Pod answers', () => get(`http://${cluster.config.plan.nodeAddress}:${hostPort}/`)),
      'hosted',
    );
  });
});
