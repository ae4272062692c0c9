import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Pod } from '../../../src/api/generated/core-v1.ts';
import { quickRestarts, useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, busybox, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster(quickRestarts);

const step = (name: string, program: string) => busybox([program], { name });
const longRunning = agnhost(['pause'], { name: 'run1', resources: { limits: { cpu: '100m' } } });
const initializedOf = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === 'Initialized');

/** What holds of a Pod with init containers at each moment (initContainersInvariants). */
function checkInvariants(pod: Pod): void {
  if (!pod.status?.conditions?.some(({ type }) => type === 'Initialized')) return;
  const init = pod.status.initContainerStatuses ?? [];
  for (const status of init)
    if (status.state?.terminated?.exitCode === 0) assert.equal(status.ready, true, `${status.name} has succeeded`);
  const all = init.length > 0 && init.every(({ state }) => state?.terminated?.exitCode === 0);
  if (!all) expectInitializing(pod);
  assert.equal(initializedOf(pod)?.status, all ? 'True' : 'False');
  assert.ok(initializedOf(pod)?.lastTransitionTime);
}

function expectInitializing(pod: Pod): void {
  for (const { name, state, restartCount } of pod.status?.containerStatuses ?? []) {
    assert.equal(state?.waiting?.reason, 'PodInitializing', `container ${name}: ${JSON.stringify(state)}`);
    assert.equal(restartCount, 0);
  }
}

function expectInitialized(pod: Pod): void {
  assert.equal(initializedOf(pod)?.status, 'True');
  assert.equal(pod.status?.initContainerStatuses?.length, 2);
  for (const { ready, state } of pod.status?.initContainerStatuses ?? []) {
    assert.equal(ready, true);
    assert.equal(state?.terminated?.exitCode, 0);
  }
}

describe('init containers', { concurrency: 4 }, () => {
  /** Creates a Pod and follows it, checking what always holds, until the predicate does. */
  async function follow(pod: Parameters<typeof podOf>, predicate: (pod: Pod) => unknown): Promise<Pod> {
    const namespace = await testNamespace(suite, 'init');
    await namespace.create(podOf(...pod));
    return namespace.until(pod[0], (now) => {
      if (!now) return false;
      checkInvariants(now);
      return predicate(now);
    });
  }

  conformance(
    '[sig-node] InitContainer should invoke init containers on a RestartNever pod [NodeConformance]',
    async () => {
      const initContainers = [step('init1', '/bin/true'), step('init2', '/bin/true')];
      const pod = await follow(['never', step('run1', '/bin/true'), { initContainers }], ({ status }) =>
        ['Succeeded', 'Failed'].includes(status?.phase ?? ''),
      );
      assert.equal(pod.status?.phase, 'Succeeded');
      expectInitialized(pod);
    },
  );

  conformance(
    '[sig-node] InitContainer should invoke init containers on a RestartAlways pod [NodeConformance]',
    async () => {
      const initContainers = [step('init1', '/bin/true'), step('init2', '/bin/true')];
      const spec = { initContainers, restartPolicy: 'Always' };
      const pod = await follow(['always', longRunning, spec], ({ status }) => status?.phase === 'Running');
      expectInitialized(pod);
    },
  );

  conformance(
    '[sig-node] InitContainer should not start app containers if init containers fail on a RestartAlways pod [NodeConformance]',
    async () => {
      const initContainers = [step('init1', '/bin/false'), step('init2', '/bin/true')];
      const pod = await follow(['always', longRunning, { initContainers, restartPolicy: 'Always' }], ({ status }) => {
        const [first, second] = status?.initContainerStatuses ?? [];
        if (!first || !second) return false;
        assert.equal(second.state?.waiting?.reason, 'PodInitializing');
        assert.notEqual(first.state?.terminated?.exitCode, 0);
        return first.lastState?.terminated && first.restartCount >= 3;
      });
      assert.equal(pod.status?.phase, 'Pending');
      const { status, reason, message } = initializedOf(pod) ?? {};
      assert.deepEqual(
        { status, reason, message },
        {
          status: 'False',
          reason: 'ContainersNotInitialized',
          message: 'containers with incomplete status: [init1 init2]',
        },
      );
      assert.equal(pod.status?.initContainerStatuses?.length, 2);
    },
  );

  conformance(
    '[sig-node] InitContainer should not start app containers and fail the pod if init containers fail on a RestartNever pod [NodeConformance]',
    async () => {
      const initContainers = [step('init1', '/bin/true'), step('init2', '/bin/false')];
      const pod = await follow(['never', { ...longRunning, command: ['/bin/true'] }, { initContainers }], (now) => {
        expectInitializing(now);
        return now.status?.phase === 'Failed';
      });
      const [first, second] = pod.status?.initContainerStatuses ?? [];
      assert.equal(first?.state?.terminated?.exitCode, 0);
      assert.equal(second?.state?.terminated?.exitCode, 1);
      const { status, reason, message } = initializedOf(pod) ?? {};
      assert.deepEqual(
        { status, reason, message },
        { status: 'False', reason: 'ContainersNotInitialized', message: 'containers with incomplete status: [init2]' },
      );
      assert.ok(pod.status?.containerStatuses?.[0]?.state?.waiting);
    },
  );
});
