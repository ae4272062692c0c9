import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/resource.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { deployment, pod, service, shell, stay } from './fixture/objects.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

interface Diagnosis {
  works: boolean;
  findings: { code: string; severity: string; cause: string; evidence: string[] }[];
}

/** What `vitrine why` says; it exits with 1 when something is wrong. */
async function why(space: Space, subject: string): Promise<Diagnosis> {
  const outcome = await cluster.tryVitrine(['why', subject, '-n', space.name, '-o', 'json']);
  const diagnosis = JSON.parse(outcome.stdout) as Diagnosis;
  assert.equal(outcome.code, diagnosis.works ? 0 : 1, outcome.stderr);
  return diagnosis;
}

const waitingFor = (reason: RegExp) => (one: Awaited<ReturnType<Space['untilReady']>> | undefined) =>
  one?.status?.containerStatuses?.some(({ state }) => reason.test(state?.waiting?.reason ?? ''));

describe('why it does not work', { concurrency: 4 }, () => {
  test('Pods: what crashes, does not exist, does not fit, is missing', async () => {
    const space = await cluster.space('why-pods');
    await space.apply(
      pod('crash', shell('echo cannot open database; exit 3')),
      pod('command', { ...shell(stay), command: ['no-such-program'] }),
      pod('hog', shell(stay, { resources: { requests: { cpu: '640' } } })),
      pod('secret', shell(stay, { envFrom: [{ secretRef: { name: 'nowhere' } }] })),
      pod('claim', shell(stay), { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'nowhere' } }] }),
      pod('probe', shell(stay, { readinessProbe: { tcpSocket: { port: 81 }, periodSeconds: 1 } })),
      pod('fine', shell(stay)),
    );
    await space.until(pods, 'crash', waitingFor(/CrashLoopBackOff/));
    await space.until(pods, 'command', waitingFor(/Error|BackOff/));
    await space.until(pods, 'secret', waitingFor(/CreateContainerConfigError/));
    await space.until(pods, 'hog', (one) => one?.status?.conditions?.some(({ reason }) => reason === 'Unschedulable'));
    await space.until(pods, 'probe', (one) => one?.status?.containerStatuses?.[0]?.state?.running);
    await space.untilReady('fine');
    const rows: [name: string, code: string, words: RegExp][] = [
      ['crash', 'Crash', /exit code 3[\s\S]*log: cannot open database/],
      ['command', 'CommandNotFound', /no-such-program/],
      ['hog', 'Unschedulable', /requests 640 of cpu/],
      ['secret', 'SecretNotFound', /"nowhere", which does not exist/],
      ['claim', 'ClaimNotFound', /"nowhere"/],
      ['probe', 'ProbePortClosed', /port 81, on which nothing listens/],
    ];
    for (const [name, code, words] of rows) {
      const { findings } = await why(space, `pod/${name}`);
      assert.equal(findings[0]?.code, code, name);
      assert.match([findings[0].cause, ...findings[0].evidence].join('\n'), words, name);
    }
    assert.deepEqual(await why(space, 'pod/fine').then(({ works }) => works), true);
  });

  test('a Service whose selector matches nothing, and its Deployment that a quota stops', async () => {
    const space = await cluster.space('why-service');
    await space.apply(
      service('shop', 'shp'),
      { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none' }, spec: { hard: { pods: '0' } } },
      deployment('shop', 1, shell(stay)),
    );
    assert.equal((await why(space, 'svc/shop')).findings[0]?.code, 'NoPodsSelected');
    let first: Diagnosis['findings'][number] | undefined;
    for (let i = 0; i < 50 && first?.code !== 'QuotaExceeded'; i++) {
      first = (await why(space, 'deploy/shop')).findings[0];
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.equal(first?.code, 'QuotaExceeded');
  });
});
