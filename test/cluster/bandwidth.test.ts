import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/resource.ts';
import { linkPrefix } from '../../src/network/pod-network.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay, web } from './fixture/objects.ts';
import { run } from './fixture/run.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

const rate = 16_000_000;
const seconds = 1;

/** A Pod with its rates, that serves a file which takes so long at the rate. */
function server(name: string, annotations: Record<string, string> = {}) {
  const count = Math.round((rate * seconds) / 8 / 1000);
  const served = web({
    lifecycle: {
      postStart: { exec: { command: ['dd', 'if=/dev/zero', 'of=/www/file', 'bs=1000', `count=${count}`] } },
    },
  });
  const { metadata, ...rest } = pod(name, served);
  return { ...rest, metadata: { ...metadata, annotations } };
}

function client(name: string, annotations: Record<string, string> = {}) {
  const { metadata, ...rest } = pod(name, shell(stay));
  return { ...rest, metadata: { ...metadata, annotations } };
}

/** Bits per second at which one Pod fetches the file of the other. */
async function measure(space: Space, from: string, to: string): Promise<number> {
  const ip = (await space.untilReady(from)).status?.podIP;
  await space.untilReady(to);
  const bytes = await space.exec(to, `curl -s -o /dev/null -w '%{speed_download}' http://${ip}:8080/file`);
  return Number(bytes) * 8;
}

/** Links that this cluster's Pods are held back by. */
async function shapers(): Promise<string[]> {
  const own = linkPrefix(cluster.name).replace('vt', 'vb');
  const { stdout } = await run('ip', ['-o', 'link', 'show', 'type', 'ifb']);
  return stdout.split('\n').filter((line) => line.includes(` ${own}`));
}

describe('the bandwidth of a Pod', () => {
  test('is held to its annotations, each way, and that of others is not', async () => {
    const space = await cluster.space('bandwidth');
    const limit = String(rate / 1e6).concat('M');
    await space.apply(
      server('server'),
      client('client'),
      client('slow-in', { 'kubernetes.io/ingress-bandwidth': limit }),
      server('slow-out', { 'kubernetes.io/egress-bandwidth': limit }),
    );
    assert.ok((await measure(space, 'server', 'client')) > 4 * rate, 'Pods without a limit are slow, too');
    for (const [from, to] of [
      ['server', 'slow-in'],
      ['slow-out', 'client'],
    ] as const) {
      const measured = await measure(space, from, to);
      // The bucket is full at first, so a little more passes; a busy machine may be slower.
      assert.ok(measured < 1.15 * rate, `${from} to ${to}: ${measured} bit/s with a limit of ${rate}`);
      assert.ok(measured > 0.4 * rate, `${from} to ${to}: only ${measured} bit/s with a limit of ${rate}`);
    }
    assert.ok((await measure(space, 'server', 'slow-in')) < 1.15 * rate);
    assert.equal((await shapers()).length, 1);
    await space.kubectl('delete pod slow-out slow-in');
    await until('the shaper is gone', async () => (await shapers()).length === 0);
  });

  test('cannot be unreasonable', async () => {
    const space = await cluster.space('unreasonable');
    await space.apply(client('snail', { 'kubernetes.io/egress-bandwidth': '1' }));
    await until('the Pod is refused', async () =>
      (await space.kubectl('get events -o jsonpath={.items[*].message}')).includes(
        'resource is unreasonably small (< 1kbit)',
      ),
    );
    assert.notEqual((await space.get(pods, 'snail')).status?.phase, 'Running');
  });
});
