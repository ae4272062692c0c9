import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { printable } from '../../src/inspect/printable.ts';
import { surveyHtml } from '../../src/inspect/survey/html.ts';
import { type Survey, takeSurvey } from '../../src/inspect/survey/survey.ts';

/** A host with odd things on it, made here. */
const folder = fs.mkdtempSync('/tmp/vitrine-survey-');
const children: ChildProcess[] = [];
let survey: Survey;

function start(command: string, args: string[]): number {
  const child = spawn(command, args, { stdio: 'ignore' });
  children.push(child);
  return child.pid!;
}

const odd = 'evil\n\u001b[31mred\u202e<b>';
let pids: Record<'deleted' | 'temporary' | 'stopped' | 'parent', number>;

before(async () => {
  for (const name of ['deleted', 'temporary', 'odd']) fs.copyFileSync('/bin/sleep', path.join(folder, name));
  pids = {
    deleted: start(path.join(folder, 'deleted'), ['1000']),
    temporary: start(path.join(folder, 'temporary'), ['1000']),
    stopped: start('/bin/sleep', ['1000']),
    // A parent that does not ask after its child.
    parent: start('perl', ['-e', 'exit if !fork; sleep 1000']),
  };
  // Its parent ends, so that it stands for itself and not for this test.
  start('perl', ['-e', 'exit if fork; exec {$ARGV[0]} @ARGV[1, 2]', path.join(folder, 'odd'), odd, '1000']);
  await new Promise((resolve) => setTimeout(resolve, 500));
  fs.rmSync(path.join(folder, 'deleted'));
  process.kill(pids.stopped, 'SIGSTOP');
  survey = await takeSurvey();
});

const oddService = () => survey.services.find(({ executable }) => executable === path.join(folder, 'odd'));

after(() => {
  for (const pid of oddService()?.pids ?? []) process.kill(pid, 'SIGKILL');
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(folder, { recursive: true, force: true });
});

test('deleted and temporary executables, zombies and stopped processes are found', () => {
  const found = (code: string) => survey.unusual.filter((unusual) => unusual.code === code);
  assert.ok(found('DeletedExecutable').some((unusual) => unusual.pids.includes(pids.deleted)));
  assert.ok(found('TemporaryExecutable').some((unusual) => unusual.pids.includes(pids.temporary)));
  assert.ok(found('Stopped').some((unusual) => unusual.pids.includes(pids.stopped)));
  const zombies = execFileSync('ps', ['-eo', 'ppid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => new RegExp(`^\\s*${pids.parent}\\s+Z`).test(line));
  assert.equal(zombies.length, 1);
  assert.ok((found('Zombies')[0]?.pids.length ?? 0) >= 1);
});

test('names that would drive a terminal or a page do not', () => {
  const service = oddService();
  assert.ok(service);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.ok(!/[\u0000-\u001f\u202e]/.test(printable(service.command)));
  const html = surveyHtml(survey);
  assert.ok(!html.includes('red\u202e') && !html.includes('<b>\u0020') && !html.includes(`${odd}`));
  assert.ok(html.includes('&#60;b&#62;'));
});

/** Ports that listen in this network and whose process can be seen. */
function listening(): Set<string> {
  const lines = execFileSync('ss', ['-Htlnp'], { encoding: 'utf8' }).split('\n');
  return new Set(
    lines.flatMap((line) => (line.includes('users:') ? [line.trim().split(/\s+/)[3]!.split(':').at(-1)!] : [])),
  );
}

test('listening TCP ports are those that ss shows', async () => {
  const before = listening();
  const now = await takeSurvey();
  const after = listening();
  const ours = new Set(
    now.services.flatMap(({ container, listens }) =>
      container
        ? []
        : listens.filter(({ protocol }) => protocol === 'tcp').map(({ address }) => address.split(':').at(-1)!),
    ),
  );
  // Others may come and go meanwhile.
  const steady = [...before].filter((port) => after.has(port));
  assert.deepEqual(
    steady.filter((port) => !ours.has(port)),
    [],
  );
});

test('an ordinary user sees what is his to see, and is told what is not', { skip: process.getuid?.() !== 0 }, () => {
  const root = path.join(import.meta.dirname, '../..');
  const nobody = {
    uid: 65_534,
    gid: 65_534,
    cwd: root,
    encoding: 'utf8' as const,
    env: { PATH: process.env.PATH, HOME: '/' },
  };
  const script =
    "import { takeSurvey } from './src/inspect/survey/survey.ts'; console.log(JSON.stringify(await takeSurvey()))";
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', script];
  const seen = JSON.parse(execFileSync(process.execPath, flags, { ...nobody, maxBuffer: 1 << 28 })) as Survey;
  assert.match(seen.unseen[0] ?? '', /^not root: open files, executables and namespaces of other users are hidden$/);
  assert.match(seen.unseen.join('\n'), /namespaces, executables and files of \d+ processes/);
  assert.ok(
    seen.services.some(({ pids: its }) => its.includes(process.pid)),
    'processes of others are there',
  );
  assert.ok(seen.host.processes > 10 && seen.host.threads >= seen.host.processes);
  // What is hidden is not made up.
  const others = seen.services.filter(({ user }) => user === 'root');
  assert.ok(others.length > 0 && others.every(({ executable, package: owner }) => executable === null || owner !== ''));
  assert.deepEqual([...new Set(others.map(({ executable }) => executable))], [null]);
});
