import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deployments, pods, services } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { get, keepAsking } from './fixture/http.ts';
import { deployment, service, shell, web } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

/** A web server that answers with a version, and goes on answering until the way to it is gone. */
function version(text: string) {
  const script = `mkdir -p /www; echo ${text} > /www/index.html; trap "exit 0" TERM; httpd -f -p 8080 -h /www & wait`;
  return { ...web(), command: ['sh', '-c', script], lifecycle: { preStop: { sleep: { seconds: 1 } } } };
}

describe('a Deployment', { concurrency: 3 }, () => {
  test('is updated without a failed request through its LoadBalancer, and rolled back', async (context) => {
    const space = await cluster.space('rolling');
    await space.apply(deployment('web', 3, version('one')), service('web', 'web', { type: 'LoadBalancer' }));
    await space.kubectl('rollout status deployment/web --timeout=60s');
    const { status } = await space.until(services, 'web', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
    const url = `http://${status?.loadBalancer?.ingress?.[0]?.ip}/`;
    const answersWith = (text: string) => until(`the answer is ${text}`, async () => (await get(url)) === text);
    await answersWith('one');
    const asking = keepAsking(url);
    context.after(() => asking.stop());
    const two = JSON.stringify([
      { op: 'replace', path: '/spec/template/spec/containers/0/command/2', value: version('two').command[2] },
    ]);
    await space.kubectl(['patch', 'deployment', 'web', '--type=json', '-p', two]);
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await answersWith('two');
    await space.kubectl('set env deployment/web COLOR=red');
    await space.kubectl('annotate deployment web kubernetes.io/change-cause=painted');
    await space.kubectl('rollout status deployment/web --timeout=60s');
    assert.match(
      await space.kubectl('rollout history deployment/web'),
      /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>\n3 +painted/,
    );
    assert.match(await space.kubectl('rollout history deployment/web --revision=3'), /COLOR:\s+red/);
    await space.kubectl('rollout undo deployment/web --to-revision=1');
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await answersWith('one');
    const { answers, failures } = await asking.stop();
    assert.deepEqual(failures, [], `${answers} answers`);
    assert.match(await space.kubectl('rollout history deployment/web'), /\n2 .*\n3 .*\n4 /);
  });

  test('waits while it is paused, restarts when told', async () => {
    const space = await cluster.space('paused');
    await space.apply(deployment('web', 1, version('one')));
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await space.kubectl('rollout pause deployment/web');
    await space.kubectl('set env deployment/web A=1');
    const paused = await space.until(
      deployments,
      'web',
      (one) => one?.status?.observedGeneration === one?.metadata.generation,
    );
    assert.equal(paused.status?.conditions?.find(({ type }) => type === 'Progressing')?.reason, 'DeploymentPaused');
    assert.equal((await space.kubectl('get rs -o name')).trim().split('\n').length, 1);
    assert.match(
      await space.kubectlFails('rollout undo deployment/web'),
      /you cannot rollback a paused deployment|no rollout history/,
    );
    await space.kubectl('rollout resume deployment/web');
    await space.kubectl('rollout status deployment/web --timeout=60s');
    assert.equal((await space.kubectl('get rs -o name')).trim().split('\n').length, 2);
    await space.kubectl('rollout restart deployment/web');
    await space.kubectl('rollout status deployment/web --timeout=60s');
    const restarted = await space.get(deployments, 'web');
    assert.ok(restarted.spec?.template.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt']);
  });

  test('keeps its old Pods when the new ones do not become ready, and says so', async () => {
    const space = await cluster.space('stuck');
    const patience = (progressDeadlineSeconds: number) =>
      space.kubectl(['patch', 'deployment', 'web', '-p', JSON.stringify({ spec: { progressDeadlineSeconds } })]);
    await space.apply(deployment('web', 2, version('one')));
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await patience(3);
    await space.kubectl('set image deployment/web main=localhost:1/nowhere:1');
    assert.match(
      await space.kubectlFails('rollout status deployment/web --timeout=60s'),
      /exceeded its progress deadline/,
    );
    const stuck = await space.get(deployments, 'web');
    assert.equal(stuck.status?.availableReplicas, 2);
    assert.equal(
      stuck.status?.conditions?.find(({ type }) => type === 'Progressing')?.reason,
      'ProgressDeadlineExceeded',
    );
    await patience(600);
    await space.kubectl('rollout undo deployment/web');
    await space.kubectl('rollout status deployment/web --timeout=60s');
  });

  test('with strategy Recreate ends the old Pods first', async () => {
    const space = await cluster.space('recreate');
    await space.apply(deployment('web', 1, shell('sleep 100000'), { strategy: { type: 'Recreate' } }));
    await space.kubectl('rollout status deployment/web --timeout=60s');
    const before = (await cluster.client.list(pods, { namespace: 'recreate' })).items[0];
    await space.kubectl('set env deployment/web A=1');
    await space.kubectl('rollout status deployment/web --timeout=60s');
    const left = (await cluster.client.list(pods, { namespace: 'recreate' })).items;
    assert.equal(left.length, 1);
    assert.notEqual(left[0]?.metadata.uid, before?.metadata.uid);
  });

  test('replaces a Pod that is deleted', async () => {
    const space = await cluster.space('replaced');
    await space.apply(deployment('web', 2, version('one')));
    await space.kubectl('rollout status deployment/web --timeout=60s');
    const name = (await cluster.client.list(pods, { namespace: 'replaced' })).items[0]?.metadata.name as string;
    await space.kubectl(`delete pod ${name} --wait=false`);
    await until('another is there in its place', async () => {
      const { items } = await cluster.client.list(pods, { namespace: 'replaced' });
      return items.length === 2 && items.every(({ metadata }) => metadata.name !== name);
    });
    await space.until(deployments, 'web', (one) => one?.status?.readyReplicas === 2);
  });
});
