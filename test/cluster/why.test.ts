import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { nodes } from '../../src/api/resource.ts';
import { explainObject } from '../../src/inspect/why/report.ts';
import { type Broken, beforeStart, crashes, images, network, refusals, workloads } from './fixture/broken.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { pod, shell, stay } from './fixture/objects.ts';

let cluster: TestCluster;
const registry = http.createServer(answer);
before(async () => {
  registry.listen(0, '127.0.0.1');
  cluster = await startTestCluster();
});
after(async () => {
  registry.close();
  await cluster?.delete();
});

/** A registry with nothing that anybody may have: distribution-spec's errors. */
function answer({ url = '' }: http.IncomingMessage, response: http.ServerResponse): void {
  const error = (status: number, code: string) =>
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
  if (url.includes('/private/')) return void error(401, 'UNAUTHORIZED');
  if (url.includes('/limited/')) return void error(429, 'TOOMANYREQUESTS');
  if (!url.includes('/s390x/manifests/')) return void error(404, 'MANIFEST_UNKNOWN');
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifests = [
    { mediaType, size: 7, digest: `sha256:${'a'.repeat(64)}`, platform: { architecture: 's390x', os: 'linux' } },
  ];
  response
    .writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' })
    .end(JSON.stringify({ schemaVersion: 2, manifests }));
}

/** Makes everything, then asks until each is what it must be: the cause comes first. */
async function check(space: Space, cases: Broken[]): Promise<void> {
  const objects = cases.flatMap((broken) => broken.objects);
  if (objects.length > 0) await space.apply(...objects);
  const wrong: string[] = [];
  for (const { subject, code, words } of cases) {
    const said = await untilSaid(space, subject, code, words);
    if (said !== undefined) wrong.push(`${subject}: expected ${code} ${words}, was told ${said}`);
  }
  assert.deepEqual(wrong, []);
}

/** undefined when it was said within half a minute; else what was said at last. */
async function untilSaid(space: Space, subject: string, code: string, words: RegExp): Promise<string | undefined> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const { works, findings } = await explainObject(cluster.client, subject, space.name);
    const [first] = findings;
    const text = [first?.cause, ...(first?.evidence ?? []), ...(first?.hints ?? [])].join('\n');
    if (!works && first?.code === code && words.test(text)) return undefined;
    if (performance.now() > deadline) return `${first?.code} ${text} (also ${findings.map((its) => its.code)})`;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

describe('why it does not work', { concurrency: 2 }, () => {
  test('containers that end', async () => check(await cluster.space('crashes'), crashes));
  test('Pods that do not come as far as running', async () => check(await cluster.space('pods'), beforeStart));
  test('Pods that are not ready, and Services', async () => check(await cluster.space('network'), network));
  test('workloads, Jobs and claims', async () => check(await cluster.space('workloads'), workloads));

  test('images that a registry does not give', async () => {
    const { port } = registry.address() as AddressInfo;
    await check(await cluster.space('images'), images(`localhost:${port}`));
  });

  for (const [name, broken] of Object.entries(refusals('refused-webhook')))
    test(`Pods that are refused: ${name}`, async () => {
      const space = await cluster.space(`refused-${name}`);
      if (broken.labels)
        await cluster.kubectl([
          'label',
          'namespace',
          space.name,
          ...Object.entries(broken.labels).map((pair) => pair.join('=')),
        ]);
      await check(space, [broken]);
    });

  test('Nodes: cordoned, and one whose kubelet nobody hears', async () => {
    const space = await cluster.space('nodes');
    await cluster.kubectl('apply -f -', {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'ghost' } }),
    });
    await check(space, [{ objects: [], subject: 'node/ghost', code: 'KubeletSilent', words: /does not report/ }]);
    await cluster.kubectl('cordon ghost');
    const { findings } = await explainObject(cluster.client, 'node/ghost', space.name);
    assert.deepEqual(findings.map(({ code }) => code).slice(0, 2), ['KubeletSilent', 'Cordoned']);
    await cluster.client.delete(nodes, 'ghost');
  });
});

test('the command says it on one screen, and by its exit code', async () => {
  const space = await cluster.space('said');
  await space.apply(pod('fine', shell(stay)), pod('hog', shell(stay, { resources: { requests: { cpu: '640' } } })));
  await space.untilReady('fine');
  assert.match(await cluster.vitrine('why pod/fine -n said'), /^nothing is wrong with Pod said\/fine$/m);
  const broken = await cluster.tryVitrine('why pod/hog -n said');
  assert.equal(broken.code, 1);
  const lines = broken.stdout.trimEnd().split('\n');
  assert.match(lines[0]!, /^Pod said\/hog: .*640/);
  assert.ok(lines.length < 24, broken.stdout);
});
