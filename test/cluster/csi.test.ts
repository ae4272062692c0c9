import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PersistentVolumeClaim, PodSpec } from '../../src/api/generated/core-v1.ts';
import type { Draft } from '../../src/api/object.ts';
import {
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '../../src/api/resource.ts';
import { clusterPaths } from '../../src/paths.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { ensureDriverImage } from './fixture/csi/image.ts';
import { driver, driverManifests } from './fixture/csi/manifests.ts';
import { startSidecars } from './fixture/csi/sidecars.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { until, untilObject } from './fixture/until.ts';

/** What the driver was asked; each method has some of it. */
interface DriverCall {
  method: string;
  ok: number;
  volume: string;
  staging: string;
  target: string;
  publishContext: Record<string, string>;
  context: Record<string, string>;
  capability: { access: { mode: number } };
  readonly: number;
  range: { required: number };
}

let cluster: TestCluster;
let stopSidecars: () => void;
before(async () => {
  await ensureDriverImage();
  cluster = await startTestCluster();
  stopSidecars = startSidecars(cluster.client);
  await cluster.kubectl('apply -f -', {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: driverManifests() }),
  });
  await untilObject(cluster.client, csiNodes, undefined, cluster.config.nodeName, (one) =>
    one?.spec.drivers?.some(({ name }) => name === driver),
  );
});
after(async () => {
  stopSidecars?.();
  await cluster?.delete();
});

/** The calls that the driver has got. */
async function calls(method: string, volume?: string): Promise<DriverCall[]> {
  const log = await cluster.kubectl('logs -n kube-system -l app=driver --tail=-1');
  return log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as DriverCall)
    .filter((call) => call.method === method && (!volume || call.volume === volume));
}

/** Once: what a driver has logged comes a moment after it has answered. */
async function untilCalled(method: string, volume: string | undefined): Promise<DriverCall> {
  const found = await until(`${method} of ${volume}`, async () => {
    const all = await calls(method, volume);
    return all.length > 0 && all;
  });
  assert.equal(found.length, 1, `${method} once`);
  return found[0]!;
}

const claimOf = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: {
    storageClassName: 'test-csi',
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '8Mi' } },
    ...more,
  },
});
const using = (claimName: string, more: Partial<PodSpec> = {}): Partial<PodSpec> => ({
  volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
  ...more,
});
const mounting = shell(stay, { volumeMounts: [{ name: 'v', mountPath: '/v' }] });
const volumeOf = async (space: Space, claim: string) =>
  cluster.client.get(persistentVolumes, (await space.get(persistentVolumeClaims, claim)).spec.volumeName ?? '');
const attachmentsOf = async (volume: string) =>
  (await cluster.client.list(volumeAttachments)).items.filter(
    ({ spec }) => spec.source.persistentVolumeName === volume,
  );
const ownMounts = () => {
  const { state } = clusterPaths(cluster.name);
  const targets = fs
    .readFileSync('/proc/self/mountinfo')
    .toString()
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return targets.filter((target) => target.startsWith(path.join(state, 'kubelet/')));
};

describe('a CSI driver that is installed as its authors ship it', { concurrency: 4 }, () => {
  test('is registered with its node, topology and limit', async () => {
    const { nodeName } = cluster.config;
    const entry = (await cluster.client.get(csiNodes, nodeName)).spec.drivers?.[0];
    assert.deepEqual(entry, {
      ...{ name: driver, nodeID: nodeName, topologyKeys: ['topology.test/zone'] },
      allocatable: { count: 7 },
    });
    const { metadata } = await cluster.client.get(nodes, nodeName);
    assert.equal(metadata.labels?.['topology.test/zone'], 'z1');
    assert.deepEqual(JSON.parse(metadata.annotations?.['csi.volume.kubernetes.io/nodeid'] ?? ''), {
      [driver]: nodeName,
    });
    await until('registered', async () => (await calls('registered')).at(-1)?.ok === 1);
  });

  test('provisions, attaches, stages and publishes, and all of it is undone', async () => {
    const space = await cluster.space('lifecycle');
    const group = { securityContext: { fsGroup: 1234 } };
    await space.apply(claimOf('data'), pod('one', mounting, using('data', group)));
    await space.untilReady('one');
    assert.equal((await space.exec('one', 'echo kept > /v/file; stat -c %g /v')).trim(), '1234');
    const volume = await volumeOf(space, 'data');
    const handle = volume.spec.csi!.volumeHandle;
    const [attachment] = await attachmentsOf(volume.metadata.name);
    assert.equal(attachment?.spec.attacher, driver);
    assert.match(attachment?.metadata.name ?? '', /^csi-[0-9a-f]{64}$/);
    const node = await cluster.client.get(nodes, cluster.config.nodeName);
    assert.ok(node.status?.volumesInUse?.includes(`kubernetes.io/csi/${driver}^${handle}`));

    const staged = await untilCalled('stage', handle);
    assert.deepEqual(staged.publishContext, { device: `of-${handle}` }, 'what the attacher says');
    assert.match(staged.staging ?? '', /^\/var\/lib\/kubelet\/plugins\/kubernetes\.io\/csi\/.+\/globalmount$/);
    const published = await untilCalled('publish', handle);
    const { uid } = (await space.get(pods, 'one')).metadata;
    assert.equal(
      published.target,
      `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~csi/${volume.metadata.name}/mount`,
    );
    assert.equal(published.context['csi.storage.k8s.io/pod.name'], 'one');
    assert.equal(published.context['csi.storage.k8s.io/ephemeral'], 'false');
    const tokens = JSON.parse(published.context['csi.storage.k8s.io/serviceAccount.tokens'] ?? '{}');
    assert.match(tokens.vault.token, /^ey/);
    assert.ok(Date.parse(tokens.vault.expirationTimestamp) > Date.now());
    assert.equal(published.capability.access.mode, 7, 'SINGLE_NODE_MULTI_WRITER');

    await space.apply(pod('two', mounting, using('data')));
    await space.untilReady('two');
    assert.equal(await space.exec('two', 'cat /v/file'), 'kept\n');
    await space.kubectl('delete pod one --wait=true');
    await untilCalled('unpublish', handle);
    assert.equal((await calls('unstage', handle)).length, 0, 'another Pod has it');
    assert.equal(await space.exec('two', 'cat /v/file'), 'kept\n');
    await space.kubectl('delete pod two --wait=true');
    await untilCalled('unstage', handle);
    await until('detached', async () => (await attachmentsOf(volume.metadata.name)).length === 0);
    const released = await cluster.client.get(nodes, cluster.config.nodeName);
    assert.ok(!released.status?.volumesInUse?.some((name) => name.endsWith(handle)));
    assert.deepEqual(
      ownMounts().filter((target) => target.includes(volume.metadata.name)),
      [],
    );

    await space.apply(pod('three', mounting, using('data')));
    await space.untilReady('three');
    assert.equal(await space.exec('three', 'cat /v/file'), 'kept\n', 'what was written is there again');
    const events = await space.kubectl('get events -o jsonpath={.items[*].message}');
    assert.match(events, /AttachVolume.Attach succeeded for volume "pvc-/);
  });

  test('writes nothing where the Pod may only read', async () => {
    const space = await cluster.space('readonly');
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data', readOnly: true } }];
    await space.apply(claimOf('data'), pod('reader', mounting, { volumes }));
    await space.untilReady('reader');
    assert.match(await space.exec('reader', 'touch /v/x 2>&1 || true'), /Read-only file system/);
    const volume = await volumeOf(space, 'data');
    const published = await untilCalled('publish', volume.spec.csi!.volumeHandle);
    assert.equal(published.readonly, 1);
  });

  test('grows volumes in use, and tells their use', async () => {
    const space = await cluster.space('growth');
    await space.apply(claimOf('data'), pod('user', mounting, using('data')));
    await space.untilReady('user');
    const handle = (await volumeOf(space, 'data')).spec.csi!.volumeHandle;
    const patch = JSON.stringify({ spec: { resources: { requests: { storage: '16Mi' } } } });
    await space.kubectl(['patch', 'pvc', 'data', '-p', patch]);
    const grown = await space.until(persistentVolumeClaims, 'data', (one) => one?.status?.capacity?.storage === '16Mi');
    assert.deepEqual(grown.status?.conditions ?? [], []);
    const expanded = await untilCalled('expand', handle);
    assert.equal(expanded.range.required, 16 * 2 ** 20);
    const { nodeName } = cluster.config;
    const summary = JSON.parse(await cluster.kubectl(`get --raw /api/v1/nodes/${nodeName}/proxy/stats/summary`));
    const own = summary.pods.find((one: { podRef: { namespace: string } }) => one.podRef.namespace === 'growth');
    const { capacityBytes, usedBytes, availableBytes, inodesUsed, pvcRef } = own.volume[0];
    assert.deepEqual([capacityBytes, usedBytes, availableBytes, inodesUsed], [1000, 300, 700, 4]);
    assert.deepEqual(pvcRef, { name: 'data', namespace: 'growth' });
  });

  test('makes volumes that are written into the Pod', async () => {
    const space = await cluster.space('inline');
    const volumes = [{ name: 'v', csi: { driver, volumeAttributes: { size: 'small' } } }];
    await space.apply(pod('user', mounting, { volumes }));
    await space.untilReady('user');
    await space.exec('user', 'echo here > /v/file');
    const published = await until('published', async () =>
      (await calls('publish')).find(({ context }) => context['csi.storage.k8s.io/pod.namespace'] === 'inline'),
    );
    assert.equal(published.context['csi.storage.k8s.io/ephemeral'], 'true');
    assert.equal(published.context.size, 'small');
    assert.match(published.volume ?? '', /^csi-[0-9a-f]{64}$/);
    await space.kubectl('delete pod user --wait=true');
    await untilCalled('unpublish', published.volume);
    assert.equal((await calls('stage', published.volume)).length, 0);
  });

  test('makes block devices', async () => {
    const space = await cluster.space('block');
    const container = shell(stay, { volumeDevices: [{ name: 'v', devicePath: '/dev/own' }] });
    await space.apply(claimOf('disk', { volumeMode: 'Block' }), pod('user', container, using('disk')));
    await space.untilReady('user');
    const script = '[ -b /dev/own ] && echo written > /dev/own && head -c 7 /dev/own';
    assert.equal((await space.exec('user', script)).trim(), 'written');
    await space.kubectl('delete pod user --wait=true');
    const handle = (await volumeOf(space, 'disk')).spec.csi!.volumeHandle;
    await untilCalled('unpublish', handle);
  });

  test('says why a volume cannot be mounted', async () => {
    const space = await cluster.space('broken');
    const claim = claimOf('data') as Draft<PersistentVolumeClaim>;
    const annotations = { 'test/attributes': '{"broken":"yes"}' };
    await space.apply({ ...claim, metadata: { name: 'data', annotations } }, pod('user', mounting, using('data')));
    const message = /MountVolume\.SetUp failed for volume "v" : rpc error: code = NotFound desc = no volume /;
    await until('the event', async () =>
      message.test(await space.kubectl('get events -o jsonpath={.items[*].message}')),
    );
    const other = { name: 'v', csi: { driver: 'absent.example.com' } };
    await space.apply(pod('absent', mounting, { volumes: [other] }));
    const absent = /driver name absent\.example\.com not found in the list of registered CSI drivers/;
    await until('the event', async () =>
      absent.test(await space.kubectl('get events -o jsonpath={.items[*].message}')),
    );
  });
});

describe('when things go wrong', () => {
  const undone = async (volume: string) => {
    await until('detached', async () => (await attachmentsOf(volume)).length === 0);
    assert.deepEqual(
      ownMounts().filter((target) => target.includes(volume)),
      [],
    );
  };

  test('what was published before the cluster was down is published again, and undone', async () => {
    const space = await cluster.space('down');
    await space.apply(claimOf('data'), pod('user', mounting, using('data')));
    await space.untilReady('user');
    const { name } = (await volumeOf(space, 'data')).metadata;
    await cluster.vitrine('down');
    assert.deepEqual(ownMounts(), []);
    await cluster.vitrine('up --no-kubeconfig');
    stopSidecars();
    cluster.client.close();
    await cluster.connect();
    stopSidecars = startSidecars(cluster.client);
    await space.untilReady('user');
    await space.exec('user', 'echo again > /v/file');
    await space.kubectl('delete pod user --wait=true');
    await undone(name);
  });

  test('what a killed node process has published is undone for a Pod that went meanwhile', async () => {
    const space = await cluster.space('killed');
    await space.apply(claimOf('data'), pod('user', mounting, using('data')));
    await space.untilReady('user');
    const { name } = (await volumeOf(space, 'data')).metadata;
    const [pid] = fs.readFileSync(`/run/vitrine/${cluster.name}/agent.pid`, 'utf8').split(' ');
    process.kill(Number(pid), 'SIGKILL');
    await space.kubectl('delete pod user --force --grace-period=0 --wait=true');
    await cluster.vitrine('up --no-kubeconfig');
    await undone(name);
  });

  test('a driver that goes is no longer registered, and one that comes again is', async () => {
    const { nodeName } = cluster.config;
    await cluster.kubectl('-n kube-system delete daemonset driver --wait=true');
    await untilObject(cluster.client, csiNodes, undefined, nodeName, (one) => one?.spec.drivers?.length === 0);
    await cluster.kubectl('apply -f -', { input: JSON.stringify(driverManifests()[2]) });
    await untilObject(cluster.client, csiNodes, undefined, nodeName, (one) => one?.spec.drivers?.length === 1);
  });
});
