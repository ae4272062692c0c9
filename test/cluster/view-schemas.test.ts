import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { pods } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { deployment, pod, service, shell, stay, web } from './fixture/objects.ts';
import { root } from './fixture/run.ts';

/** What the views print for programs is what docs/schemas says, with no field more and none less. */
const ajv = new Ajv2020({ allErrors: true, formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/ } });
const compiled = new Map<string, ReturnType<typeof ajv.compile>>();
function schema(name: string) {
  const file = path.join(root, `docs/schemas/${name}.v1.json`);
  const known = compiled.get(name) ?? ajv.compile(JSON.parse(fs.readFileSync(file, 'utf8')));
  compiled.set(name, known);
  return known;
}

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
  const space = await cluster.space('shop');
  await space.apply(
    deployment('web', 2, web({ resources: { limits: { memory: '64Mi', cpu: '500m' } } })),
    service('web', 'web', { type: 'NodePort' }),
    pod('hog', shell(stay, { resources: { requests: { cpu: '640' } } })),
  );
  await space.kubectl('rollout status deployment/web --timeout=60s');
  await space.until(pods, 'hog', (one) => one?.status?.conditions?.some(({ reason }) => reason === 'Unschedulable'));
});
after(() => cluster?.delete());

const views: [schema: string, command: string, exitCode?: number][] = [
  ['processes', 'ps -o json -n shop'],
  ['processes', 'ps -A -L --details -o json'],
  ['tree', 'tree -o json'],
  ['tree', 'tree svc/web -n shop -o json'],
  ['tree', 'tree node/NODE -o json'],
  ['tree', 'tree sa/default -n shop -o json'],
  ['why', 'why pod/hog -n shop -o json', 1],
  ['why', 'why svc/web -n shop -o json'],
  ['look', 'look main -o json'],
  ['look', 'look svc/web -o json'],
  ['look', 'look :8080 -o json'],
  ['look', 'look / -o json'],
  ['survey', 'survey --json'],
  ['survey-diff', 'survey --json --diff SURVEY'],
  ['top', 'top -o json -d 0.2 --lines 500'],
  ['top', 'top -v pods -o json -d 0.2'],
  ['top', 'top -v containers -o json -d 0.2'],
];

for (const [name, command, exitCode = 0] of views)
  test(`vitrine ${command}`, async () => {
    const survey = path.join(cluster.home, 'survey.json');
    if (command.includes('SURVEY')) fs.writeFileSync(survey, await cluster.vitrine('survey --json'));
    const [node] = (await cluster.kubectl('get nodes -o name')).trim().split('/').slice(1);
    const outcome = await cluster.tryVitrine(command.replace('SURVEY', survey).replace('NODE', node!));
    assert.equal(outcome.code, exitCode, outcome.stderr);
    const validate = schema(name);
    assert.ok(validate(JSON.parse(outcome.stdout)), JSON.stringify(validate.errors?.slice(0, 5), null, 2));
  });

test('--watch prints a document a line', async () => {
  const args = ['ps', '-o', 'json', '-n', 'shop', '--watch', '-d', '0.2', '--name', cluster.name];
  const watching = spawn(path.join(root, 'vitrine'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const documents: string[] = [];
  for await (const line of readline.createInterface({ input: watching.stdout })) {
    documents.push(line);
    if (documents.length === 3) break;
  }
  watching.kill();
  assert.equal(documents.length, 3);
  const validate = schema('processes');
  for (const document of documents) assert.ok(validate(JSON.parse(document)));
});
