import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { V1Container, V1Probe } from '@kubernetes/client-node';
import type { Pod } from '../../../src/api/generated/core-v1.ts';
import { until } from '../../cluster/fixture/until.ts';
import { quickRestarts, useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, busybox, podOf, type TestNamespace, testNamespace } from '../fixture/namespace.ts';

// The suite waits 15 s before the first probe and watches for 4 minutes; here probes begin sooner and run every second.
const suite = useConformanceCluster(quickRestarts);
const soon: V1Probe = { initialDelaySeconds: 1, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 5 };
const observedMs = 6000;

const restarts = (pod: Pod | undefined): number =>
  (pod?.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);
const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((one) => one.type === type);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function start(container: V1Container): Promise<TestNamespace> {
  const namespace = await testNamespace(suite, 'probe');
  await namespace.create(podOf('probed', container, { restartPolicy: 'Always' }));
  await namespace.untilRunning('probed');
  return namespace;
}

/** The restart count rises by one at a time, up to what is expected (RunLivenessTest). */
async function expectRestarts(container: V1Container, expected: number): Promise<void> {
  const namespace = await start(container);
  let seen = 0;
  await namespace.until(
    'probed',
    (pod) => {
      assert.ok(restarts(pod) >= seen, `the restart count went back from ${seen} to ${restarts(pod)}`);
      seen = restarts(pod);
      return seen >= expected;
    },
    120_000,
  );
}

async function expectNoRestart(container: V1Container): Promise<TestNamespace> {
  const namespace = await start(container);
  await pause(observedMs);
  const pod = await namespace.untilRunning('probed');
  assert.equal(restarts(pod), 0);
  return namespace;
}

const healthFile = (script: string) =>
  busybox(['/bin/sh', '-c', script], { livenessProbe: { ...soon, exec: { command: ['cat', '/tmp/health'] } } });

describe('probes', { concurrency: 6 }, () => {
  conformance(
    '[sig-node] Probing container with readiness probe should not be ready before initial delay and never restart [NodeConformance]',
    async () => {
      const initialDelaySeconds = 4;
      const readinessProbe = { httpGet: { path: '/', port: 80 }, initialDelaySeconds };
      const namespace = await start(agnhost(['test-webserver'], { readinessProbe }));
      const pod = await namespace.space.untilReady('probed');
      const readyAt = Date.parse(condition(pod, 'Ready')?.lastTransitionTime ?? '');
      const startedAt = Date.parse(pod.status?.containerStatuses?.[0]?.state?.running?.startedAt ?? '');
      // Both are whole seconds.
      assert.ok(readyAt - startedAt >= (initialDelaySeconds - 1) * 1000, `ready after ${readyAt - startedAt} ms`);
      assert.equal(restarts(pod), 0);
    },
  );

  conformance(
    '[sig-node] Probing container with readiness probe that fails should never be ready and never restart [NodeConformance]',
    async () => {
      const readinessProbe = { ...soon, httpGet: { path: '/', port: 81 } };
      const namespace = await start(agnhost(['test-webserver'], { readinessProbe }));
      let wasReady = false;
      await until('the readiness probe has failed several times', async () => {
        wasReady ||= condition((await namespace.untilRunning('probed')) as Pod, 'Ready')?.status === 'True';
        const { items } = await namespace.core.listNamespacedEvent({ namespace: namespace.name });
        return items.some(({ reason, count = 0 }) => reason === 'Unhealthy' && count >= 3);
      });
      assert.equal(wasReady, false);
      assert.equal(restarts(await namespace.untilRunning('probed')), 0);
    },
  );

  conformance(
    '[sig-node] Probing container should be restarted with a exec "cat /tmp/health" liveness probe [NodeConformance]',
    () => expectRestarts(healthFile('echo ok >/tmp/health; sleep 2; rm -rf /tmp/health; sleep 600'), 1),
  );

  conformance(
    '[sig-node] Probing container should *not* be restarted with a exec "cat /tmp/health" liveness probe [NodeConformance]',
    async () => {
      await expectNoRestart(healthFile('echo ok >/tmp/health; sleep 600'));
    },
  );

  const livenessProbe = (probe: Partial<V1Probe>) => ({ livenessProbe: { ...soon, ...probe } });
  const healthz = livenessProbe({ httpGet: { path: '/healthz', port: 8080 } });

  conformance(
    '[sig-node] Probing container should be restarted with a /healthz http liveness probe [NodeConformance]',
    () => expectRestarts(agnhost(['liveness', '--healthy-for=2'], healthz), 1),
  );

  conformance('[sig-node] Probing container should have monotonically increasing restart count [NodeConformance]', () =>
    expectRestarts(agnhost(['liveness', '--healthy-for=1'], healthz), 5),
  );

  conformance(
    '[sig-node] Probing container should *not* be restarted with a tcp:8080 liveness probe [NodeConformance]',
    async () => {
      const namespace = await expectNoRestart(
        agnhost(['liveness', '--healthy-for=1'], livenessProbe({ tcpSocket: { port: 8080 } })),
      );
      const { stdout } = await namespace.tryExec('probed', 'agnhost-container', 'curl', '-s', 'localhost:8080/healthz');
      assert.match(stdout, /^error: /, 'the server is unwell, and only its socket is open');
    },
  );

  conformance(
    '[sig-node] Probing container should *not* be restarted with a /healthz http liveness probe [NodeConformance]',
    async () => {
      await expectNoRestart(agnhost(['test-webserver'], livenessProbe({ httpGet: { path: '/', port: 80 } })));
    },
  );

  const grpc = (port: number) => agnhost(['grpc-health-checking'], livenessProbe({ grpc: { port } }));

  conformance(
    '[sig-node] Probing container should *not* be restarted with a GRPC liveness probe [NodeConformance]',
    async () => {
      await expectNoRestart(grpc(5000));
    },
  );

  conformance(
    '[sig-node] Probing container should be restarted with a GRPC liveness probe [NodeConformance]',
    // Nobody listens on the port.
    () => expectRestarts(grpc(2333), 1),
  );
});
