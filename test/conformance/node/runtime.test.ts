import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { V1Container } from '@kubernetes/client-node';
import { quickRestarts, useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster(quickRestarts);

// Fails at its first run, succeeds at its second, and stays from the third on.
const script = `
f=/restart-count/restartCount
count=$(echo hello >> $f; wc -l < $f)
if [ $count -eq 1 ]; then exit 1; fi
if [ $count -eq 2 ]; then exit 0; fi
while true; do sleep 1; done
`;

const cases = [
  { policy: 'Always', phase: 'Running', state: 'running', restartCount: 2, ready: true },
  { policy: 'OnFailure', phase: 'Succeeded', state: 'terminated', restartCount: 1, ready: false },
  { policy: 'Never', phase: 'Failed', state: 'terminated', restartCount: 0, ready: false },
];

describe('container runtime', { concurrency: 5 }, () => {
  conformance(
    '[sig-node] Container Runtime blackbox test when starting a container that exits should run with the expected status [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite, 'runtime');
      await Promise.all(
        cases.map(async ({ policy, phase, state, restartCount, ready }) => {
          const name = `terminate-${policy.toLowerCase()}`;
          const volumeMounts = [{ name: 'restart-count', mountPath: '/restart-count' }];
          const volumes = [{ name: 'restart-count', emptyDir: { medium: 'Memory' } }];
          const container = busybox(['sh', '-c', script], { volumeMounts });
          await namespace.create(podOf(name, container, { restartPolicy: policy, volumes }));
          const pod = await namespace.until(
            name,
            ({ status } = {} as never) =>
              status?.containerStatuses?.[0]?.restartCount === restartCount && status.phase === phase,
          );
          const status = pod.status?.containerStatuses?.[0];
          assert.deepEqual([Object.keys(status?.state ?? {}), status?.ready], [[state], ready], name);
          await namespace.remove(name);
        }),
      );
    },
  );

  /** The termination message of a container that ends in the given phase. */
  async function messageOf(script: string, more: Partial<V1Container>, phase: string): Promise<string | undefined> {
    const namespace = await testNamespace(suite, 'runtime');
    const container = busybox(['/bin/sh', '-c'], { args: [script], ...more });
    await namespace.create(podOf('terminated', container));
    const pod = await namespace.space.untilOver('terminated');
    assert.equal(pod.status?.phase, phase);
    const ended = pod.status?.containerStatuses?.[0]?.state?.terminated;
    assert.ok(ended);
    await namespace.remove('terminated');
    return ended.message;
  }

  const fallback = {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };

  conformance(
    '[sig-node] Container Runtime blackbox test on terminated container should report termination message if TerminationMessagePath is set as non-root user and at a non-default path [NodeConformance]',
    async () => {
      const terminationMessagePath = '/dev/termination-custom-log';
      const more = { terminationMessagePath, securityContext: { runAsUser: 10000 } };
      assert.equal(await messageOf(`/bin/echo -n DONE > ${terminationMessagePath}`, more, 'Succeeded'), 'DONE');
    },
  );

  conformance(
    '[sig-node] Container Runtime blackbox test on terminated container should report termination message from log output if TerminationMessagePolicy FallbackToLogsOnError is set [NodeConformance]',
    async () => assert.equal(await messageOf('/bin/echo -n DONE; /bin/false', fallback, 'Failed'), 'DONE'),
  );

  conformance(
    '[sig-node] Container Runtime blackbox test on terminated container should report termination message as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set [NodeConformance]',
    async () => assert.equal(await messageOf('/bin/echo -n DONE; /bin/true', fallback, 'Succeeded'), undefined),
  );

  conformance(
    '[sig-node] Container Runtime blackbox test on terminated container should report termination message from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set [NodeConformance]',
    async () => {
      const script = '/bin/echo -n OK > /dev/termination-log; /bin/echo DONE; /bin/true';
      assert.equal(await messageOf(script, fallback, 'Succeeded'), 'OK');
    },
  );
});
