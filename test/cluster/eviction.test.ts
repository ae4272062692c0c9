import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Container, Pod } from '../../src/api/generated/core-v1.ts';
import { nodes, pods } from '../../src/api/resource.ts';
import { silentLogger } from '../../src/base/log.ts';
import { withImageStore } from '../../src/cluster.ts';
import { openLinux } from '../../src/linux/open.ts';
import { openImages } from '../../src/runtime/images/images.ts';
import { hasRegistry, type RegistryServer, startRegistry } from '../kernel/registry-server.ts';
import { writeTinyImage } from '../kernel/tiny-image.ts';
import { type Space, startTestCluster, TestCluster } from './fixture/cluster.ts';
import { ensureTestImage, testImage } from './fixture/image.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { run } from './fixture/run.ts';
import { until, untilObject } from './fixture/until.ts';

const condition = (one: { status?: { conditions?: { type: string; status: string }[] } } | undefined, type: string) =>
  one?.status?.conditions?.find((condition) => condition.type === type);
/** Uploads a small image made of the host's own programs. */
async function pushTinyImage(registry: RegistryServer, scratch: string): Promise<void> {
  const layout = path.join(scratch, 'store');
  const linux = await openLinux({ log: silentLogger });
  try {
    const images = await openImages({ dir: layout, linux, log: silentLogger });
    await writeTinyImage(path.join(scratch, 'tiny.tar'));
    await images.load(path.join(scratch, 'tiny.tar'));
    const index = JSON.parse(fs.readFileSync(path.join(layout, 'index.json'), 'utf8'));
    await registry.push(layout, index.manifests[0].digest, 'team/tiny', 'v1');
  } finally {
    await linux.close();
  }
}

const isEvicted = (one: Pod | undefined) => one?.status?.reason === 'Evicted';
/** Waits until the Events of the cluster say so, in this order. */
const untilTold = (cluster: TestCluster, pattern: RegExp) =>
  until(`Events tell of ${pattern}`, async () =>
    pattern.test(
      await cluster.kubectl([
        ...['get', 'events', '-A', '--sort-by=.lastTimestamp', '-o'],
        'jsonpath={range .items[*]}{.reason}:{.message}\n{end}',
      ]),
    ),
  );

describe('what a Pod keeps on the node', () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startTestCluster();
  });
  after(() => cluster?.delete());

  test('is limited by ephemeral-storage and sizeLimit: it is evicted, and its files are gone', async () => {
    const space = await cluster.space('limits');
    const write = (file: string, more: Partial<Container> = {}) =>
      shell(`dd if=/dev/zero of=${file} bs=1M count=3 2> /dev/null; ${stay}`, more);
    const cache = { volumeMounts: [{ name: 'cache', mountPath: '/cache' }] };
    const limit = { resources: { limits: { 'ephemeral-storage': '2Mi' } } };
    await space.apply(
      pod('volume', write('/cache/x', cache), { volumes: [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }] }),
      pod('layer', write('/x', limit)),
      pod('modest', write('/cache/x', { ...cache, resources: { limits: { 'ephemeral-storage': '8Mi' } } }), {
        volumes: [{ name: 'cache', emptyDir: { sizeLimit: '8Mi' } }],
      }),
    );
    await space.untilReady('modest');
    const files = path.join('/var/lib/vitrine', cluster.name, 'kubelet/pods');
    const [volume, layer] = await Promise.all([
      space.until(pods, 'volume', isEvicted),
      space.until(pods, 'layer', isEvicted),
    ]);
    assert.equal(volume.status?.phase, 'Failed');
    assert.equal(volume.status?.message, 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ');
    assert.equal(
      layer.status?.message,
      'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ',
    );
    assert.equal(condition(volume, 'DisruptionTarget')?.status, 'True');
    assert.equal(volume.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 0);
    assert.ok(!fs.existsSync(path.join(files, volume.metadata.uid)), 'its emptyDir is still there');
    await untilTold(cluster, /Evicted:Usage of EmptyDir volume "cache" exceeds the limit/);
    const modest = await space.get(pods, 'modest');
    assert.equal(modest.status?.phase, 'Running');
    assert.ok(fs.existsSync(path.join(files, modest.metadata.uid)));
  });

  test('when memory is short, Pods above their requests go first, critical ones stay, new ones wait', async () => {
    const space = await cluster.space('memory');
    const hold = (mebibytes: number) =>
      shell(`dd if=/dev/zero of=/dev/shm/x bs=1M count=${mebibytes} 2> /dev/null; ${stay}`);
    const requests = (memory: string) => ({ resources: { requests: { memory } } });
    await space.apply(
      pod('critical', hold(1), { priorityClassName: 'system-node-critical' }),
      pod('within', { ...hold(8), ...requests('64Mi') }),
      pod('above', { ...hold(24), ...requests('1Mi') }),
    );
    await Promise.all(['critical', 'within', 'above'].map((name) => space.untilReady(name)));

    // A line that no machine is above.
    const flags = ['--eviction-hard', 'memory.available<1Pi', '--eviction-pressure-transition-period', '1s'];
    await cluster.vitrine(['up', '--no-kubeconfig', ...flags]);
    const above = await space.until(pods, 'above', isEvicted);
    const within = await space.until(pods, 'within', isEvicted);
    assert.match(
      above.status?.message ?? '',
      /^The node was low on resource: memory\. Threshold quantity: 1Pi, available: /,
    );
    assert.match(
      above.status?.message ?? '',
      /Container main was using \S+, request is 1Mi, has larger consumption of memory\. $/,
    );
    assert.doesNotMatch(within.status?.message ?? '', /Container main/);
    const evictedAt = (one: Pod) => Date.parse(one.status?.containerStatuses?.[0]?.state?.terminated?.finishedAt ?? '');
    assert.ok(evictedAt(above) <= evictedAt(within));
    assert.equal((await space.get(pods, 'critical')).status?.phase, 'Running');

    const node = await untilObject(cluster.client, nodes, undefined, cluster.config.nodeName, (one) =>
      one?.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/memory-pressure'),
    );
    assert.equal(condition(node, 'MemoryPressure')?.status, 'True');
    await untilTold(cluster, /EvictionThresholdMet:Attempting to reclaim memory/);
    await space.apply(pod('besteffort', shell(stay), { nodeName: cluster.config.nodeName }));
    const refused = await space.until(pods, 'besteffort', isEvicted);
    assert.equal(refused.status?.message, 'Pod was rejected: The node had condition: [MemoryPressure]. ');

    await cluster.vitrine(['up', '--no-kubeconfig', '--eviction-hard', 'memory.available<1Mi']);
    await untilObject(
      cluster.client,
      nodes,
      undefined,
      cluster.config.nodeName,
      (one) => condition(one, 'MemoryPressure')?.status === 'False' && !one?.spec?.taints?.length,
    );
    assert.equal((await space.get(pods, 'critical')).status?.phase, 'Running');
  });
});

describe('when the disk of the node fills up', () => {
  let cluster: TestCluster;
  /** A file system of our own, so that nobody else's files count. */
  let disk: string;
  before(async () => {
    await ensureTestImage();
    disk = fs.mkdtempSync('/tmp/vitrine-small-disk-');
    assert.equal((await run('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'small', disk])).code, 0);
    const archive = path.join(disk, 'image.tar');
    await withImageStore('any', (images) => images.save(testImage, archive));
    process.env.VITRINE_ROOT = disk;
    await withImageStore('any', async (images) => void (await images.load(archive)));
    fs.rmSync(archive);
    cluster = new TestCluster(`ct-${process.pid}-disk`);
    const flags = ['--eviction-hard', 'nodefs.available<50%', '--eviction-pressure-transition-period', '1s'];
    // Clusters below another root do not know of each other's ports.
    const port = String(20_000 + (process.pid % 10_000));
    const more = ['--minimum-image-ttl-duration', '0s', '--api-port', port];
    await cluster.vitrine(['up', '--no-kubeconfig', ...flags, ...more]);
    await cluster.connect();
  });

  /** Leaves so many bytes less free than the threshold asks for. */
  async function fill(space: Space, name: string, missingBytes: number): Promise<void> {
    const { bsize, bavail, blocks } = fs.statfsSync(disk);
    const surplus = Math.floor((bavail - blocks / 2) * bsize);
    assert.ok(surplus > 0, 'the disk was more than half full from the start');
    const blocksOfMiB = Math.ceil((surplus + missingBytes) / 2 ** 20);
    await space.exec(name, `dd if=/dev/zero of=/y bs=1M count=${blocksOfMiB} 2> /dev/null`);
  }

  test('images that no Pod uses and that can be had again go first', { skip: !hasRegistry }, async () => {
    const registry = await startRegistry();
    const scratch = fs.mkdtempSync('/tmp/vitrine-unused-image-');
    try {
      const name = `${registry.address}/team/tiny:v1`;
      await pushTinyImage(registry, scratch);
      await cluster.vitrine(`image pull ${name}`);
      const space = await cluster.space('unused');
      await space.apply(pod('filler', shell(stay)));
      await space.untilReady('filler');
      await fill(space, 'filler', 2 ** 20);
      await until('the image is gone', async () => !(await cluster.vitrine('image ls')).includes('team/tiny'));
      await space.exec('filler', 'rm /y');
      assert.equal((await space.get(pods, 'filler')).status?.phase, 'Running');
      await space.kubectl('delete pod filler');
    } finally {
      await registry.stop();
      fs.rmSync(scratch, { recursive: true });
    }
  });
  after(async () => {
    await cluster?.delete();
    delete process.env.VITRINE_ROOT;
    await run('umount', [disk]);
    fs.rmdirSync(disk);
  });

  test('the Pod that keeps most above its request goes, and that is enough', async () => {
    const space = await cluster.space('disk');
    const keep = (mebibytes: number) => shell(`dd if=/dev/zero of=/x bs=1M count=${mebibytes} 2> /dev/null; ${stay}`);
    await space.apply(pod('small', keep(4)), pod('large', keep(40)));
    await Promise.all([space.untilReady('small'), space.untilReady('large')]);
    await fill(space, 'large', 2 ** 20);

    const large = await space.until(pods, 'large', isEvicted);
    assert.match(
      large.status?.message ?? '',
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: 128Mi, /,
    );
    assert.match(
      large.status?.message ?? '',
      /Container main was using \d+[KM]i, request is 0, has larger consumption of ephemeral-storage\. $/,
    );
    const name = cluster.config.nodeName;
    await untilObject(
      cluster.client,
      nodes,
      undefined,
      name,
      (one) => condition(one, 'DiskPressure')?.status === 'False',
    );
    await untilTold(cluster, /NodeHasDiskPressure[\s\S]*NodeHasNoDiskPressure/);
    assert.equal((await space.get(pods, 'small')).status?.phase, 'Running');
    assert.match(await cluster.vitrine('image ls'), /vitrine-test/, 'an image that cannot be pulled again was removed');
  });
});
