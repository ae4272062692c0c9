import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { until } from '../../test/cluster/fixture/until.ts';
import type { Pod, PodSpec } from '../api/generated/core-v1.ts';
import { configMaps, pods } from '../api/resource.ts';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { FakeLinux } from '../linux/fake.ts';
import { clusterPaths } from '../paths.ts';
import { FakeCluster, FakeEvents, FakeNetwork } from './fake-node.ts';
import { FakeRuntime } from './fake-runtime.ts';
import { createKubelet, type Kubelet } from './kubelet.ts';
import { selfSigned } from './testing/self-signed.ts';

let root: string;
const tls = { ...selfSigned, clientCa: selfSigned.cert };

before(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'kubelet-'));
});
after(() => rm(root, { recursive: true, force: true }));

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

async function startNode(parts: { runtime?: FakeRuntime; cluster?: FakeCluster; network?: FakeNetwork } = {}) {
  const { runtime = new FakeRuntime(), cluster = new FakeCluster(), network = new FakeNetwork() } = parts;
  const events = new FakeEvents();
  const kubelet: Kubelet = createKubelet({
    ...{ client: cluster, informers: cluster, events, runtime, network, tls },
    linux: new FakeLinux(),
    clock: systemClock,
    log: silentLogger,
    version: '1.2.3',
    nodeName: 'node-1',
    nodeAddress: '127.0.0.1',
    plan: { dnsServiceIp: '10.96.0.10', nodePodCidr: '10.1.0.0/16' },
    paths: clusterPaths('test', root),
    port: 0,
  });
  runtime.images.add('httpd');
  await kubelet.start();
  await kubelet.whenReady();
  stop = () => kubelet.stop();
  return { runtime, cluster, network, events, kubelet };
}

function pod(name: string, spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '',
      creationTimestamp: '',
      generation: 1,
    },
    spec: { nodeName: 'node-1', restartPolicy: 'Always', containers: [{ name: 'main', image: 'httpd' }], ...spec },
    status: { phase: 'Pending' },
  };
}

const condition = (one: Pod | undefined, type: string) =>
  one?.status?.conditions?.find((found) => found.type === type)?.status;
const mainState = (one: Pod | undefined) => one?.status?.containerStatuses?.[0];

describe('the kubelet over a fake runtime', () => {
  it('registers a Node that is Ready', async () => {
    const { cluster } = await startNode();
    const node = cluster.objects.get('nodes/node-1') as {
      status?: { conditions?: { type: string; status: string }[] };
    };
    assert.equal(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    await until('a lease', () => cluster.objects.has('leases/kube-node-lease/node-1'));
  });

  it('runs a Pod and reports it with at most two writes', async () => {
    const { cluster, events } = await startNode();
    cluster.put(pods, pod('a'));
    const ready = await until('Ready', () => condition(cluster.pod('a'), 'Ready') === 'True' && cluster.pod('a'));
    assert.equal(ready.status?.phase, 'Running');
    assert.equal(ready.status?.podIP, '10.1.0.1');
    assert.equal(ready.status?.hostIP, '127.0.0.1');
    assert.match(mainState(ready)?.containerID ?? '', /^vitrine:\/\/[0-9a-f]{64}$/);
    assert.ok(cluster.writes.filter((write) => write === 'patch pods/default/a/status').length <= 2);
    assert.deepEqual(
      events.seen.filter((text) => !text.startsWith('Node') && !text.startsWith('Starting')),
      [
        'Pulled: Container image "httpd" already present on machine and can be accessed by the pod',
        'Created: Container created',
        'Started: Container started',
      ],
    );
  });

  it('restarts a container that was killed, with its exit code as last state', async () => {
    const { cluster, runtime } = await startNode();
    cluster.put(pods, pod('b'));
    await until('Ready', () => condition(cluster.pod('b'), 'Ready') === 'True');
    runtime.exit(runtime.running('main')[0]!.id, 137);
    const restarted = await until(
      'a restart',
      () => mainState(cluster.pod('b'))?.restartCount === 1 && mainState(cluster.pod('b')),
    );
    assert.equal(restarted.lastState?.terminated?.exitCode, 137);
    assert.equal(restarted.lastState?.terminated?.reason, 'Error');
    runtime.exit(runtime.running('main')[0]!.id, 1, { oomKilled: true });
    const waiting = await until(
      'back-off',
      () => mainState(cluster.pod('b'))?.state?.waiting && mainState(cluster.pod('b')),
    );
    assert.equal(waiting.state?.waiting?.reason, 'CrashLoopBackOff');
    assert.equal(waiting.state?.waiting?.message, 'back-off 10s restarting failed container=main pod=b_default(uid-b)');
    assert.equal(waiting.lastState?.terminated?.reason, 'OOMKilled');
  });

  it('runs init containers one after the other, then the others, and completes', async () => {
    const { cluster, runtime } = await startNode();
    for (const name of ['one', 'two', 'main']) runtime.exitsAtOnce.set(name, 0);
    const image = 'httpd';
    cluster.put(
      pods,
      pod('c', {
        restartPolicy: 'Never',
        initContainers: [
          { name: 'one', image },
          { name: 'two', image },
        ],
      }),
    );
    const done = await until('Succeeded', () => cluster.pod('c')?.status?.phase === 'Succeeded' && cluster.pod('c'));
    assert.deepEqual(
      runtime.started.map(({ labels }) => labels['io.kubernetes.container.name']),
      ['one', 'two', 'main'],
    );
    assert.equal(done.status?.conditions?.find(({ type }) => type === 'Ready')?.reason, 'PodCompleted');
  });

  it('says ErrImagePull when an image cannot be had', async () => {
    const { cluster, events } = await startNode();
    cluster.put(pods, pod('d', { containers: [{ name: 'main', image: 'nowhere' }] }));
    const waiting = await until(
      'ErrImagePull',
      () => mainState(cluster.pod('d'))?.state?.waiting?.reason === 'ErrImagePull',
    );
    assert.ok(waiting);
    assert.ok(events.seen.includes('Failed: Failed to pull image "nowhere": nowhere: not found'));
    assert.ok(events.seen.includes('Failed: Error: ErrImagePull'));
  });

  it('waits for a ConfigMap, then mounts it and follows its changes', async () => {
    const { cluster, runtime, events } = await startNode();
    const volumes = [{ name: 'cfg', configMap: { name: 'settings' } }];
    const volumeMounts = [{ name: 'cfg', mountPath: '/cfg' }];
    cluster.put(pods, pod('e', { volumes, containers: [{ name: 'main', image: 'httpd', volumeMounts }] }));
    await until('FailedMount', () => events.seen.some((text) => text.startsWith('FailedMount')));
    assert.ok(
      events.seen.includes('FailedMount: MountVolume.SetUp failed for volume "cfg" : configmap "settings" not found'),
    );
    const settings = (value: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default', uid: 'x', resourceVersion: '', creationTimestamp: '' },
      data: { color: value },
    });
    cluster.put(configMaps, settings('red'));
    await until('Ready', () => condition(cluster.pod('e'), 'Ready') === 'True');
    const mount = runtime.started[0]!.mounts.find(({ containerPath }) => containerPath === '/cfg')!;
    assert.equal(await readFile(path.join(mount.hostPath, 'color'), 'utf8'), 'red');
    cluster.put(configMaps, settings('blue'));
    let color = '';
    await until('the new value', () => {
      void readFile(path.join(mount.hostPath, 'color'), 'utf8').then((text) => (color = text));
      return color === 'blue';
    });
  });

  it('stops a deleted Pod and then deletes its object', async () => {
    const { cluster, runtime, events } = await startNode();
    cluster.put(pods, pod('f'));
    await until('Ready', () => condition(cluster.pod('f'), 'Ready') === 'True');
    const running = cluster.pod('f')!;
    const metadata = { ...running.metadata, deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 5 };
    cluster.put(pods, { ...running, metadata });
    await until('gone', () => !cluster.pod('f'));
    assert.equal(runtime.containers().length, 0);
    assert.ok(events.seen.includes('Killing: Stopping container main'));
    assert.equal(cluster.writes.filter((write) => write === 'delete pods/default/f').length, 1);
  });

  it('takes over running containers after a restart of its own, and cleans up what has no Pod', async () => {
    const first = await startNode();
    first.cluster.put(pods, pod('g'));
    first.cluster.put(pods, pod('h'));
    await until('Ready', () => ['g', 'h'].every((name) => condition(first.cluster.pod(name), 'Ready') === 'True'));
    const ofG = (runtime: FakeRuntime) =>
      runtime.running('main').find(({ labels }) => labels['io.kubernetes.pod.name'] === 'g');
    const before = ofG(first.runtime);
    assert.ok(before);
    await stop?.();
    first.cluster.remove(pods, 'h', 'default');
    const { cluster, runtime } = await startNode(first);
    await until('the orphan gone', () => runtime.running('main').length === 1);
    assert.equal(ofG(runtime)?.id, before.id);
    assert.equal(mainState(cluster.pod('g'))?.restartCount, 0);
    assert.equal(condition(cluster.pod('g'), 'Ready'), 'True');
  });

  it('sets right a readiness that someone else has changed', async () => {
    const { cluster } = await startNode();
    cluster.put(pods, pod('j'));
    const ready = await until('Ready', () => condition(cluster.pod('j'), 'Ready') === 'True' && cluster.pod('j'));
    // Lets the write that made it Ready come to its end.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const conditions = ready.status?.conditions?.map((one) =>
      one.type === 'Ready' ? { ...one, status: 'False' } : one,
    );
    cluster.put(pods, { ...ready, status: { ...ready.status, conditions } } as Pod);
    assert.notEqual(cluster.pod('j')?.metadata.resourceVersion, ready.metadata.resourceVersion);
    await until('Ready again', () => condition(cluster.pod('j'), 'Ready') === 'True');
  });

  it('does not wait for a pull when the Pod is deleted', async () => {
    const { cluster, runtime, events } = await startNode();
    runtime.images.pull = () => new Promise(() => {});
    cluster.put(pods, pod('i', { containers: [{ name: 'main', image: 'slow' }] }));
    await until('the pull', () => events.seen.includes('Pulling: Pulling image "slow"'));
    const slow = cluster.pod('i')!;
    const metadata = { ...slow.metadata, deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 5 };
    cluster.put(pods, { ...slow, metadata });
    await until('gone', () => !cluster.pod('i'));
  });

  it('brings 100 Pods to Ready', async () => {
    const { cluster } = await startNode();
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    for (let n = 0; n < 100; n++) cluster.put(pods, pod(`p${n}`));
    const ready = () => [...Array(100).keys()].every((n) => condition(cluster.pod(`p${n}`), 'Ready') === 'True');
    await until('100 Ready', ready);
    const used = process.cpuUsage(cpu);
    // Of our own work: the machine may have others to do.
    assert.ok(used.user + used.system < 1e6, `${used.user + used.system} us of CPU`);
    console.log(
      `100 Pods: ${Math.round(performance.now() - startMs)} ms, ${Math.round((used.user + used.system) / 1e4) / 10} ms of CPU a Pod`,
    );
    const writes = cluster.writes.filter((write) => write.startsWith('patch pods/')).length;
    assert.ok(writes <= 200, `${writes} status writes`);
  });
});
