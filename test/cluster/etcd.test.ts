import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { deployments, events, leases, pods, services } from '../../src/api/resource.ts';
import type { Client } from '../../src/client/client.ts';
import { httpsTransport } from '../../src/client/https-transport.ts';
import { loadKubeconfig } from '../../src/client/kubeconfig.ts';
import { createClient } from '../../src/client/rest.ts';
import { openEtcdStore } from '../../src/store/etcd.ts';
import { EtcdServer, freePort, hasEtcd } from '../fixture/etcd-server.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { deployment, web } from './fixture/objects.ts';
import { root } from './fixture/run.ts';
import { untilObject } from './fixture/until.ts';

describe('a cluster on etcd', hasEtcd ? {} : { skip: 'etcd is not installed' }, () => {
  let etcd: EtcdServer;
  let cluster: TestCluster;
  let space: Space;
  before(async () => {
    etcd = await EtcdServer.start();
    cluster = await startTestCluster({ up: `--datastore ${etcd.url}` });
    space = await cluster.space('on-etcd');
  });
  after(async () => {
    if (!cluster) return;
    await cluster.delete();
    assert.equal(await keysIn(etcd), 0, 'delete leaves no keys in etcd');
    await etcd.remove();
  });

  test('its objects are in etcd, under a prefix of its own, and nowhere else', async () => {
    await space.kubectl('create configmap a --from-literal=x=1');
    const { prefix, endpoints } = cluster.config.datastore!;
    assert.deepEqual(endpoints, [etcd.url]);
    assert.match(prefix, new RegExp(`^/vitrine/${cluster.name}-[0-9a-f]{8}$`));
    const store = await openEtcdStore({ endpoints, prefix });
    const stored = await store.get('/registry/configmaps/on-etcd/a');
    await store.close();
    assert.equal(JSON.parse(String(stored?.value)).data.x, '1');
    assert.equal(
      await space.kubectl(['get', 'configmap', 'a', '-o', 'jsonpath={.metadata.resourceVersion}']),
      String(stored?.modRevision),
    );
    assert.ok(!fs.existsSync(`/var/lib/vitrine/${cluster.name}/store.db`));
    assert.match(await cluster.vitrine('status'), new RegExp(`datastore +etcd ${etcd.url}, ${prefix}`));
  });

  test('kubectl creates, patches, applies, pages, watches and deletes as on SQLite', async () => {
    for (let n = 0; n < 5; n++) await space.kubectl(`create configmap page-${n}`);
    const pages = await space.kubectl('get configmaps --chunk-size=2 -o name');
    assert.equal(
      pages
        .trim()
        .split('\n')
        .filter((name) => name.includes('page-')).length,
      5,
    );
    await space.kubectl(['patch', 'configmap', 'a', '--type=merge', '-p', '{"data":{"y":"2"}}']);
    await space.kubectl('apply --server-side -f -', {
      input: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"z":"3"}}',
    });
    assert.equal(await space.kubectl(['get', 'configmap', 'a', '-o', 'jsonpath={.data}']), '{"x":"1","y":"2","z":"3"}');
    const waiting = space.kubectl('wait --for=delete configmap/page-0 --timeout=20s');
    await space.kubectl('delete configmap page-0 page-1');
    await waiting;
    assert.match(await space.kubectlFails('create configmap a'), /configmaps "a" already exists/);
  });

  test('a Deployment rolls out, rolls on and goes', async () => {
    await space.apply(deployment('web', 3, web()));
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await space.kubectl('set env deployment/web X=1');
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await space.kubectl('scale deployment/web --replicas=2');
    await space.until(deployments, 'web', (one) => one?.status?.replicas === 2);
  });

  test('etcd may be killed and started again: nothing is lost, and the Pods never notice', async () => {
    const uids = async () =>
      (await cluster.client.list(pods, { namespace: 'on-etcd' })).items
        .filter(({ metadata }) => !metadata.deletionTimestamp)
        .map(({ metadata, status }) => `${metadata.uid} ${status?.containerStatuses?.[0]?.restartCount}`)
        .sort();
    const before = await uids();
    await etcd.stop();
    const waiting = space.kubectl('create configmap while-away');
    await etcd.run();
    await waiting;
    assert.deepEqual(await uids(), before);
    await space.kubectl('scale deployment/web --replicas=3');
    await space.until(deployments, 'web', (one) => one?.status?.readyReplicas === 3);
  });

  test('what is no address of etcd is refused', async () => {
    for (const [options, message] of [
      ['--datastore 127.0.0.1:2379', /--datastore "127\.0\.0\.1:2379": must be a URL such as http:/],
      ['--datastore mysql://127.0.0.1', /must begin with http:\/\/ or https:/],
      ['--datastore http://127.0.0.1:2379/x', /must be scheme, host and port, nothing else/],
      ['--datastore-cafile /x', /--datastore-cafile needs --datastore/],
    ] as const) {
      const { code, stderr } = await cluster.tryVitrine(`up ${options}`);
      assert.deepEqual([code, message.test(stderr)], [2, true], stderr);
    }
  });

  describe('with a second server', () => {
    let replica: Replica;
    before(async () => {
      replica = await startReplica(cluster);
    });
    after(() => replica?.stop());

    test('both serve the same, each on a port of its own and on the one that they share', async () => {
      const { body } = await replica.client.request({ method: 'GET', path: '/readyz' });
      let text = '';
      for await (const chunk of body) text += Buffer.from(chunk).toString();
      assert.equal(text, 'ok');
      assert.match(await cluster.vitrine('status'), /control plane b +running +pid \d+/);
      const made = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          (n % 2 ? replica.client : cluster.client).create(services, {
            metadata: { name: `s-${n}`, namespace: 'on-etcd' },
            spec: { ports: [{ port: 80 }] },
          } as never),
        ),
      );
      assert.equal(new Set(made.map(({ spec }) => spec?.clusterIP)).size, 10);
    });

    test('when the leader is killed the other takes over its controllers and its scheduler', async () => {
      const holders = async () => {
        const { items } = await replica.client.list(leases, { namespace: 'kube-system' });
        return items.flatMap(({ metadata, spec }) =>
          metadata.name.startsWith('kube-') ? `${metadata.name} ${spec.holderIdentity}` : [],
        );
      };
      const before = await holders();
      assert.equal(before.length, 2);
      const [pid] = fs.readFileSync(`/run/vitrine/${cluster.name}/server.pid`, 'utf8').split(' ');
      process.kill(Number(pid), 'SIGKILL');
      // The shared port answers at once: from now on by the one that is left.
      await space.kubectl('scale deployment/web --replicas=5');
      await untilObject(replica.client, deployments, 'on-etcd', 'web', (one) => one?.status?.readyReplicas === 5);
      const status = await cluster.vitrine('status');
      assert.match(status, /control plane +stopped.*control plane b +running.*Pods +\d+ \(\d+ Running/s);
      const later = await holders();
      assert.ok(
        later.every((holder) => !before.includes(holder)),
        `${before} then ${later}`,
      );
      const { items } = await replica.client.list(events, { namespace: 'kube-system' });
      const told = items.filter(({ reason }) => reason === 'LeaderElection').map(({ message }) => message ?? '');
      assert.ok(
        told.some((message) => message.endsWith('became leader') && later.join().includes(message.split(' ')[0]!)),
      );
    });

    test('the first comes back beside it, and ends with it', async () => {
      await cluster.vitrine('up --no-kubeconfig');
      await cluster.kubectl('get nodes');
      await cluster.vitrine('down');
      assert.equal(await replica.exited, 0);
      await cluster.vitrine('up --no-kubeconfig');
      await space.until(deployments, 'web', (one) => one?.status?.readyReplicas === 5);
    });
  });
});

interface Replica {
  client: Client;
  exited: Promise<number | null>;
  stop(): Promise<void>;
}

/** `vitrine server --replica b`, in the foreground. */
async function startReplica(cluster: TestCluster): Promise<Replica> {
  const port = await freePort();
  const args = ['server', '--name', cluster.name, '--replica', 'b', '--api-port', String(port)];
  const child: ChildProcess = spawn(path.join(root, 'vitrine'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await new Promise<void>((resolve, reject) => {
    let log = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      log += chunk;
      if (log.includes('server: ready')) resolve();
    });
    child.once('exit', () => reject(new Error(`the second server ended: ${log}`)));
  });
  const kubeconfig = loadKubeconfig(cluster.kubeconfig);
  const client = createClient(httpsTransport({ ...kubeconfig, server: `https://127.0.0.1:${port}` }));
  return {
    client,
    exited,
    stop: async () => {
      client.close();
      child.kill();
      await exited;
    },
  };
}

async function keysIn(etcd: EtcdServer): Promise<number> {
  // Whose keys are those of all clusters: they begin with /vitrine/.
  const store = await openEtcdStore({ endpoints: [etcd.url], prefix: '/vitrin' });
  const { count } = await store.range('e', 'f');
  await store.close();
  return count;
}
