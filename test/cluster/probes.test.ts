import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay, web } from './fixture/objects.ts';
import { root } from './fixture/run.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

const isReady = (name: string) => (one: { status?: { conditions?: { type: string; status: string }[] } } | undefined) =>
  one?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === name;

/** Fails at the first answer that is wrong, not at one that is late on a busy machine. */
const every = { periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 30 };

describe('probes', { concurrency: 4 }, () => {
  test('a readiness probe of each kind passes and fails', async () => {
    const space = await cluster.space('readiness');
    const script = 'mkdir -p /www; touch /www/ok /tmp/ok; trap "exit 0" TERM; httpd -f -p 8080 -h /www & wait';
    const ready = (probe: object) => shell(script, { readinessProbe: { ...every, ...probe } });
    await space.apply(
      pod('http', ready({ httpGet: { path: '/ok', port: 8080, httpHeaders: [{ name: 'X-Probe', value: '1' }] } })),
      pod('tcp', ready({ tcpSocket: { port: 8080 } })),
      pod('exec', ready({ exec: { command: ['cat', '/tmp/ok'] } })),
    );
    const stop: Record<string, string> = {
      http: 'rm /www/ok',
      tcp: 'kill $(ps | awk "/[h]ttpd -f/ {print \\$1}"); sleep 0',
      exec: 'rm /tmp/ok',
    };
    for (const name of ['http', 'tcp', 'exec']) await space.until(pods, name, isReady('True'));
    for (const name of ['http', 'exec']) {
      await space.exec(name, stop[name] as string);
      const failed = await space.until(pods, name, isReady('False'));
      assert.equal(failed.status?.conditions?.find(({ type }) => type === 'Ready')?.reason, 'ContainersNotReady');
      assert.equal(failed.status?.containerStatuses?.[0]?.restartCount, 0);
    }
    await until('the event of the failed probe', async () =>
      /Readiness probe failed: HTTP probe failed with statuscode: 404/.test(await space.kubectl('describe pod http')),
    );
    await space.exec('http', 'touch /www/ok');
    await space.until(pods, 'http', isReady('True'));
    await space.apply(pod('no-tcp', shell(stay, { readinessProbe: { ...every, tcpSocket: { port: 81 } } })));
    await until('the event of the refused connection', async () =>
      /Readiness probe failed: dial tcp .*:81: .*refused/.test(await space.kubectl('describe pod no-tcp')),
    );
  });

  test('a liveness probe that fails restarts the container', async () => {
    const space = await cluster.space('liveness');
    await space.apply(
      pod(
        'sick',
        shell(`touch /tmp/well; ${stay}`, {
          livenessProbe: { exec: { command: ['cat', '/tmp/well'] }, ...every },
        }),
      ),
    );
    await space.untilReady('sick');
    await space.exec('sick', 'rm /tmp/well');
    const again = await space.until(
      pods,
      'sick',
      (one) =>
        one?.status?.containerStatuses?.[0]?.restartCount === 1 && one.status.containerStatuses[0].state?.running,
    );
    assert.ok(again.status?.containerStatuses?.[0]?.lastState?.terminated);
    const described = await until('the events', async () => {
      const text = await space.kubectl('describe pod sick');
      return text.includes('will be restarted') && text;
    });
    assert.match(described, /Liveness probe failed: cat: can't open '\/tmp\/well'/);
    assert.match(described, /Container main failed liveness probe, will be restarted/);
  });

  test('a startup probe holds the others back', async () => {
    const space = await cluster.space('startup');
    const slow = web({
      startupProbe: { exec: { command: ['test', '-e', '/tmp/started'] }, periodSeconds: 1, failureThreshold: 60 },
      livenessProbe: { httpGet: { path: '/', port: 8080 }, ...every },
    });
    await space.apply(pod('slow', slow));
    const waiting = await space.until(pods, 'slow', (one) => one?.status?.containerStatuses?.[0]?.state?.running);
    assert.equal(waiting.status?.containerStatuses?.[0]?.started, false);
    await space.exec('slow', 'touch /tmp/started');
    await space.untilReady('slow');
    assert.equal((await space.get(pods, 'slow')).status?.containerStatuses?.[0]?.restartCount, 0);
  });

  test('a gRPC probe asks the health service', async () => {
    const space = await cluster.space('grpc');
    const program = [
      'chroot',
      '/host',
      path.join(root, 'node_modules/.bin/node'),
      path.join(import.meta.dirname, 'fixture/grpc-health.ts'),
    ];
    const server = {
      ...shell('', { command: program, volumeMounts: [{ name: 'host', mountPath: '/host', readOnly: true }] }),
      readinessProbe: { grpc: { port: 9090 }, periodSeconds: 1, failureThreshold: 1 },
    };
    const volumes = [{ name: 'host', hostPath: { path: '/' } }];
    await space.apply(
      pod('serving', { ...server, env: [{ name: 'HEALTH', value: 'SERVING' }] }, { volumes }),
      pod('not-serving', { ...server, env: [{ name: 'HEALTH', value: 'NOT_SERVING' }] }, { volumes }),
    );
    await space.untilReady('serving');
    await until('the event', async () =>
      /Readiness probe failed: service unhealthy \(responded with "NOT_SERVING"\)/.test(
        await space.kubectl('describe pod not-serving'),
      ),
    );
    assert.ok(isReady('False')(await space.get(pods, 'not-serving')));
  });
});
