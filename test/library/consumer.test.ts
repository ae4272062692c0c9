import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

/** A project that has the package, as `npm pack` makes it, among its dependencies. */
const root = path.join(import.meta.dirname, '../..');
const project = fs.mkdtempSync('/tmp/vitrine-consumer-');
const run = promisify(execFile);

const consumer = `
import { connect } from 'vitrine/client';
import { look } from 'vitrine/look';
import { type Container, type Process, readDetails, readPss, readSnapshot, type Snapshot } from 'vitrine/snapshot';
import { readAllSockets, type Socket } from 'vitrine/sockets';
import { type Survey, takeSurvey } from 'vitrine/survey';
import { explainObject } from 'vitrine/why';

const snapshot: Snapshot = await readSnapshot({ threads: true });
const me: Process | undefined = snapshot.processes.get(process.pid);
const containers: Container[] = [...snapshot.containers.values()];
const sockets: Socket[] = readAllSockets(snapshot);
const survey: Survey = await takeSurvey();
// @ts-expect-error: types are there, not any
const wrong: string = me?.threadCount;
console.log(
  JSON.stringify({
    pid: me?.pid,
    threads: me?.threads?.length,
    executable: readDetails(process.pid).executable,
    pss: readPss(process.pid),
    listed: look(String(process.pid), snapshot).map(({ type }) => type),
    containers: containers.length,
    sockets: sockets.length,
    schema: survey.schema,
    functions: [typeof connect, typeof explainObject, typeof wrong],
  }),
);
`;

before(async () => {
  await run(path.join(root, 'node_modules/.bin/node'), ['tools/build-library.ts'], { cwd: root });
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', project];
  const { stdout } = await run('npm', pack, { cwd: root });
  const modules = path.join(project, 'node_modules');
  fs.mkdirSync(modules);
  await run('tar', ['-xzf', path.join(project, stdout.trim().split('\n').at(-1)!), '-C', modules]);
  fs.renameSync(path.join(modules, 'package'), path.join(modules, 'vitrine'));
  // What npm install would bring, without asking a registry.
  const { dependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types/node', 'undici-types']) {
    const from = path.join(root, 'node_modules', name);
    fs.mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    if (fs.existsSync(from)) fs.symlinkSync(from, path.join(modules, name));
  }
  fs.writeFileSync(path.join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  fs.writeFileSync(path.join(project, 'consumer.ts'), consumer);
  const compilerOptions = { strict: true, module: 'nodenext', target: 'esnext', noEmit: true, types: ['node'] };
  fs.writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
});
after(() => fs.rmSync(project, { recursive: true, force: true }));

test('its types are those of the package', async () => {
  const outcome = await run(path.join(root, 'node_modules/.bin/tsc'), ['-p', project]).catch((error) => error);
  assert.equal(outcome.stdout, '');
});

test('it runs, on this host and without a cluster', async () => {
  const node = path.join(root, 'node_modules/.bin/node');
  const { stdout } = await run(node, ['--no-warnings', 'consumer.ts'], { cwd: project });
  const said = JSON.parse(stdout);
  assert.ok(said.pid > 0 && said.threads > 1 && said.pss > 1e6 && said.sockets > 0, stdout);
  assert.deepEqual(
    [said.listed, said.schema, said.functions],
    [['process'], 'vitrine/survey/v1', ['function', 'function', 'number']],
  );
  assert.match(said.executable, /node/);
});
