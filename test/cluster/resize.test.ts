import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/generated/core-v1.ts';
import { events, nodes, pods } from '../../src/api/resource.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

const resize = (space: Space, name: string, spec: object) =>
  space.kubectl(['patch', 'pod', name, '--subresource=resize', '-p', JSON.stringify({ spec })]);
const sized = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
const main = (resources: object) => ({ containers: [{ name: 'main', resources }] });
const condition = (one: Pod | undefined, type: string) => one?.status?.conditions?.find((each) => each.type === type);

describe('a resize', { concurrency: 3 }, () => {
  test('that finds no room waits for others to end; one of more than the node has waits for good', async () => {
    const space = await cluster.space('room');
    const [node] = (await cluster.client.list(nodes, {})).items;
    const milli = Number(node?.status?.allocatable?.cpu) * 1000;
    const most = sized(`${milli - 800}m`, '64Mi');
    await space.apply(
      pod('large', shell(stay, { resources: sized('300m', '64Mi') })),
      pod('other', shell(stay, { resources: { requests: { cpu: '200m' } } })),
    );
    await Promise.all([space.untilReady('large'), space.untilReady('other')]);
    await space.apply(pod('blocker', shell(stay, { resources: { requests: { cpu: `${milli - 900}m` } } })));
    await space.untilReady('blocker');

    await resize(space, 'large', main(most));
    const waiting = await space.until(pods, 'large', (one) => condition(one, 'PodResizePending'));
    assert.equal(condition(waiting, 'PodResizePending')?.reason, 'Deferred');
    assert.match(condition(waiting, 'PodResizePending')?.message ?? '', /^Node didn't have enough resource: cpu/);
    assert.equal(waiting.status?.containerStatuses?.[0]?.allocatedResources?.cpu, '300m');
    assert.equal(waiting.status?.containerStatuses?.[0]?.resources?.limits?.cpu, '300m');

    await space.kubectl('delete pod blocker --now');
    const grown = await space.until(pods, 'large', (one) => !condition(one, 'PodResizePending'));
    const done = await space.until(pods, 'large', (one) => !condition(one, 'PodResizeInProgress'));
    assert.ok(grown);
    assert.equal(done.status?.containerStatuses?.[0]?.resources?.limits?.cpu, `${milli - 800}m`);
    assert.equal(done.status?.containerStatuses?.[0]?.restartCount, 0);

    await resize(space, 'large', main(sized(`${milli + 1000}m`, '64Mi')));
    const never = await space.until(
      pods,
      'large',
      (one) => condition(one, 'PodResizePending')?.reason === 'Infeasible',
    );
    assert.match(condition(never, 'PodResizePending')?.message ?? '', /^Node didn't have enough capacity: cpu/);
    await until('the Events tell of it', async () => {
      const { items } = await cluster.client.list(events, { namespace: space.name });
      const reasons = items.map(({ reason }) => reason);
      return ['ResizeDeferred', 'ResizeStarted', 'ResizeCompleted', 'ResizeInfeasible'].every((one) =>
        reasons.includes(one),
      );
    });
    // The other tests need room, too.
    await space.kubectl('delete pod --all --now');
  });

  test('restarts a container whose policy for the resource says so', async () => {
    const space = await cluster.space('policy');
    const resizePolicy = [
      { resourceName: 'cpu', restartPolicy: 'NotRequired' as const },
      { resourceName: 'memory', restartPolicy: 'RestartContainer' as const },
    ];
    await space.apply(pod('policy', shell(stay, { resources: sized('50m', '64Mi'), resizePolicy })));
    await space.untilReady('policy');
    await resize(space, 'policy', main(sized('60m', '64Mi')));
    const quota = (one: Pod | undefined) => one?.status?.containerStatuses?.[0];
    const faster = await space.until(pods, 'policy', (one) => quota(one)?.resources?.limits?.cpu === '60m');
    assert.equal(quota(faster)?.restartCount, 0);
    await resize(space, 'policy', main(sized('60m', '80Mi')));
    const larger = await space.until(
      pods,
      'policy',
      (one) => quota(one)?.resources?.limits?.memory === '80Mi' && quota(one)?.restartCount === 1,
    );
    assert.ok(quota(larger)?.lastState?.terminated);
    await space.until(pods, 'policy', (one) => !condition(one, 'PodResizeInProgress'));
  });

  test('below the memory in use is refused by the node, and the container goes on', async () => {
    const space = await cluster.space('memory');
    const hold = 'head -c 40000000 /dev/zero > /dev/shm/x; touch /done; trap "exit 0" TERM; sleep 10000 & wait';
    const readinessProbe = { exec: { command: ['test', '-e', '/done'] }, periodSeconds: 1 };
    await space.apply(pod('full', shell(hold, { resources: sized('100m', '80Mi'), readinessProbe })));
    await space.untilReady('full');
    await resize(space, 'full', main(sized('100m', '20Mi')));
    const refused = await space.until(pods, 'full', (one) => condition(one, 'PodResizeInProgress')?.reason === 'Error');
    const message = condition(refused, 'PodResizeInProgress')?.message ?? '';
    assert.match(message, /attempting to set container "main" memory limit \(20971520\) below current usage/);
    assert.equal(refused.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.equal(refused.status?.containerStatuses?.[0]?.resources?.limits?.memory, '80Mi');
    await resize(space, 'full', main(sized('100m', '90Mi')));
    await space.until(pods, 'full', (one) => one?.status?.containerStatuses?.[0]?.resources?.limits?.memory === '90Mi');
  });

  test('changes what a Pod has as a whole', async () => {
    const space = await cluster.space('whole');
    const amounts = (memory: string) => ({ requests: { cpu: '50m', memory }, limits: { cpu: '100m', memory } });
    await space.apply(pod('whole', shell(stay), { resources: amounts('64Mi') }));
    const ready = await space.untilReady('whole');
    assert.equal(ready.status?.qosClass, 'Burstable');
    assert.deepEqual(ready.status?.resources, amounts('64Mi'));
    const limit = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null';
    assert.equal((await space.exec('whole', `${limit} || true`)).trim(), String(64 << 20));
    await resize(space, 'whole', { resources: amounts('96Mi') });
    const larger = await space.until(pods, 'whole', (one) => one?.status?.resources?.limits?.memory === '96Mi');
    assert.deepEqual(larger.status?.allocatedResources, { cpu: '50m', memory: '96Mi' });
  });
});
