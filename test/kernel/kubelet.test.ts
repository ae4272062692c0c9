import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Container, Pod, PodSpec } from '../../src/api/generated/core-v1.ts';
import { configMaps, pods } from '../../src/api/resource.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { FakeCluster, FakeEvents } from '../../src/kubelet/fake-node.ts';
import { createKubelet, type Kubelet } from '../../src/kubelet/kubelet.ts';
import { selfSigned } from '../../src/kubelet/testing/self-signed.ts';
import type { Linux } from '../../src/linux/linux.ts';
import { openLinux } from '../../src/linux/open.ts';
import type { PodNetwork } from '../../src/network/network.ts';
import { createPodNetwork } from '../../src/network/pod-network.ts';
import { clusterPaths } from '../../src/paths.ts';
import { createRuntime } from '../../src/runtime/create-runtime.ts';
import { openImages } from '../../src/runtime/images/images.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { until } from '../cluster/fixture/until.ts';
import { claimedPlan } from './claimed-plan.ts';
import { writeTinyImage } from './tiny-image.ts';

const log = createLogger('test', { level: 'warn' });
const name = `kubelet-${process.pid}`;
const cluster = new FakeCluster();
const events = new FakeEvents();
let root: string;
let linux: Linux;
let runtime: Runtime;
let network: PodNetwork;
let kubelet: Kubelet;

before(async () => {
  root = mkdtempSync('/run/vitrine-kubelet-');
  const paths = clusterPaths(name, root);
  for (const directory of [paths.state, paths.run, paths.images, paths.podLogs])
    mkdirSync(directory, { recursive: true });
  linux = await openLinux({ log });
  const images = await openImages({ dir: paths.images, linux, log });
  await writeTinyImage(path.join(root, 'tiny.tar'));
  await images.load(path.join(root, 'tiny.tar'));
  const monitorCgroup = `/vitrine-${name}/monitors`;
  runtime = createRuntime({ linux, images, stateDir: paths.state, runDir: paths.run, log, monitorCgroup });
  await runtime.open();
  const plan = await claimedPlan(name);
  network = createPodNetwork({ linux, plan, stateDir: paths.run, clusterName: name, log });
  await network.open();
  const tls = { ...selfSigned, clientCa: selfSigned.cert };
  kubelet = createKubelet({
    ...{
      client: cluster,
      informers: cluster,
      events,
      runtime,
      network,
      linux,
      clock: systemClock,
      log,
      plan,
      paths,
      tls,
    },
    ...{ version: '1.2.3', nodeName: 'n', nodeAddress: plan.nodeAddress, port: 0 },
  });
  await kubelet.start();
  await kubelet.whenReady();
});

after(async () => {
  await kubelet?.stop();
  for (const sandbox of runtime?.sandboxes() ?? []) await runtime.removeSandbox(sandbox.spec.id);
  await runtime?.close();
  await network?.removeAll();
  await linux?.cgroups.remove(`/vitrine-${name}`);
  await linux?.close();
  rmSync(root, { recursive: true, force: true });
});

function pod(podName: string, containers: Container[], spec: Partial<PodSpec> = {}): Pod {
  const metadata = {
    name: podName,
    namespace: 'default',
    uid: `uid-${podName}`,
    resourceVersion: '',
    creationTimestamp: '',
    generation: 1,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { nodeName: 'n', restartPolicy: 'Always', containers, ...spec },
  };
}
const shell = (containerName: string, script: string, more: Partial<Container> = {}): Container => ({
  name: containerName,
  image: 'tiny',
  command: ['sh', '-c', script],
  ...more,
});

const seen = (what: string) => () => `${what}; events: ${events.seen.join('; ')}`;
const isReady = (podName: string) =>
  cluster.pod(podName)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
const containerOf = (podName: string, container = 'main') =>
  runtime
    .containers()
    .find(
      ({ labels, state }) =>
        state === 'running' &&
        labels['io.kubernetes.pod.name'] === podName &&
        labels['io.kubernetes.container.name'] === container,
    )!;
/** What it wrote: a line comes in as many parts as it was written in (KEP-1002's P and F). */
const logOf = (podName: string) =>
  readFileSync(containerOf(podName).logPath, 'utf8').replace(/^\S+ \S+ ([PF]) (.*)\n/gm, (_, tag, text) =>
    tag === 'P' ? text : `${text}\n`,
  );

async function remove(podName: string): Promise<void> {
  const one = cluster.pod(podName)!;
  const metadata = { ...one.metadata, deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 2 };
  cluster.put(pods, { ...one, metadata });
  await until(seen(`${podName} gone`), () => !cluster.pod(podName));
}

test('a Pod with volumes, env and two containers runs, is probed, and goes', async () => {
  const metadata = { name: 'cm', namespace: 'default', uid: 'cm', resourceVersion: '', creationTimestamp: '' };
  cluster.put(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { key: 'from-config' } } as never);
  const volumes = [
    { name: 'cfg', configMap: { name: 'cm' } },
    { name: 'shared', emptyDir: {} },
    { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
  ];
  const volumeMounts = [
    { name: 'cfg', mountPath: '/cfg' },
    { name: 'shared', mountPath: '/shared' },
    { name: 'memory', mountPath: '/memory' },
    { name: 'token', mountPath: '/token' },
  ];
  const env = [{ name: 'ME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
  const script =
    'cat /cfg/key /token/token; echo; echo "I am $ME"; cat /etc/resolv.conf; touch /shared/ready /memory/x; exec sleep 1000';
  const containers = [
    shell('main', script, { env, volumeMounts }),
    shell('other', 'exec sleep 1000', {
      volumeMounts,
      readinessProbe: { exec: { command: ['cat', '/shared/ready'] }, periodSeconds: 1, timeoutSeconds: 5 },
    }),
  ];
  cluster.put(pods, pod('full', containers, { volumes }));
  await until(seen('Ready'), () => isReady('full'));
  const text = logOf('full');
  assert.match(text, /from-configa-token/);
  assert.match(text, /I am full/);
  assert.match(text, /search default\.svc\.cluster\.local/);
  await remove('full');
  assert.deepEqual(
    await linux.mounts.list(`${root}/run`).then((list) => list.filter(({ target }) => target.includes('uid-full'))),
    [],
  );
});

test('a container killed with SIGKILL is restarted with its exit code as last state', async () => {
  cluster.put(pods, pod('crash', [shell('main', 'exec sleep 1000')]));
  await until(seen('Ready'), () => isReady('crash'));
  process.kill(containerOf('crash').pid, 'SIGKILL');
  const status = await until(seen('a restart'), () => {
    const one = cluster.pod('crash')?.status?.containerStatuses?.[0];
    return one?.restartCount === 1 && one.state?.running ? one : undefined;
  });
  assert.equal(status.lastState?.terminated?.exitCode, 137);
  await remove('crash');
});

test('a Job-like Pod completes with its message', async () => {
  const script = 'echo -n done > /dev/termination-log; exit 3';
  cluster.put(pods, pod('job', [shell('main', script)], { restartPolicy: 'Never' }));
  const done = await until(seen('Failed'), () => cluster.pod('job')?.status?.phase === 'Failed' && cluster.pod('job'));
  const ended = done.status?.containerStatuses?.[0]?.state?.terminated;
  assert.equal(ended?.exitCode, 3);
  assert.equal(ended?.message, 'done');
  await remove('job');
});

test('40 Pods become Ready and go', async () => {
  const count = 40;
  const names = [...Array(count).keys()].map((n) => `many-${n}`);
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  for (const one of names) cluster.put(pods, pod(one, [shell('main', 'exec sleep 1000')]));
  await until(seen('all Ready'), () => names.every(isReady), 600_000);
  const used = process.cpuUsage(cpu);
  const ms = Math.round(performance.now() - startMs);
  console.log(
    `${count} Pods Ready in ${ms} ms, ${Math.round((used.user + used.system) / count / 100) / 10} ms of this process's CPU a Pod`,
  );
  const goneMs = performance.now();
  await Promise.all(names.map(remove));
  console.log(`gone in ${Math.round(performance.now() - goneMs)} ms`);
  assert.equal(runtime.containers().length, 0);
});
