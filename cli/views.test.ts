import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerId, snapshotOf, webHost, webObjects } from '../src/inspect/testing.ts';
import { drawTrees } from './box-tree.ts';
import { podTree, threadNames } from './pod-tree.ts';
import { columns, commandLine, cpuTime, renderColumns, startTime } from './process-columns.ts';
import { command as ps } from './ps.ts';
import { createStyle } from './style.ts';
import { command as tree } from './tree.ts';
import { wrapText } from './wrap-text.ts';

const snapshot = () => snapshotOf(webHost(), webObjects([{ name: 'web-1-a', containerId: containerId('a') }]));

test('trees are drawn with boxes', () => {
  const leaf = (text: string) => ({ text, children: [] });
  const root = { text: 'a', children: [{ text: 'b', children: [leaf('c'), leaf('d')] }, leaf('e')] };
  assert.deepEqual(drawTrees([root, leaf('f')]), ['a', '├─ b', '│  ├─ c', '│  └─ d', '└─ e', 'f']);
});

test('a line is cut at the width, without cutting colours', () => {
  const [line] = drawTrees([{ text: `\x1b[1mabc\x1b[0mdef`, children: [] }], 4);
  assert.equal(line, '\x1b[1mabc\x1b[0md');
});

test('long lines are broken at blanks, further ones indented; colours take no room', () => {
  assert.deepEqual(wrapText('  one two three  four', 9, 4), ['  one two', '    three', '    four']);
  assert.deepEqual(wrapText('a \x1b[1mbold\x1b[0m word', 11), ['a \x1b[1mbold\x1b[0m word']);
  assert.deepEqual(wrapText('a word-that-is-long b', 8), ['a', '  word-that-is-long', '  b']);
});

test('threads are grouped by name, their tids as ranges', () => {
  const threads = [
    { tid: 7, comm: 'main' },
    { tid: 9, comm: 'io\n' },
    { tid: 10, comm: 'io\n' },
    { tid: 11, comm: 'io\n' },
    { tid: 20, comm: 'main' },
  ];
  assert.equal(threadNames(threads), 'main 7 20, io? 9-11');
});

test('times are written as ps writes them', () => {
  assert.equal(cpuTime(59.9), '00:00:59');
  assert.equal(cpuTime(90_061), '01-01:01:01');
  const now = new Date(2025, 10, 23, 12, 0).getTime();
  assert.equal(startTime(new Date(2025, 10, 23, 9, 5).getTime(), now), '09:05');
  assert.equal(startTime(new Date(2025, 2, 3).getTime(), now), 'Mar03');
  assert.equal(startTime(new Date(2024, 2, 3).getTime(), now), '2024');
});

test('commands: kernel threads in brackets, zombies marked, control characters harmless', () => {
  const process = snapshot().processes.get(11)!;
  assert.equal(commandLine(process), 'httpd -DFOREGROUND');
  assert.equal(commandLine({ ...process, cmdline: [] }), '[httpd]');
  assert.equal(commandLine({ ...process, state: 'Z' }), '[httpd] <defunct>');
  assert.equal(commandLine({ ...process, cmdline: ['a\x1b[2J', 'b\n'] }), 'a?[2J b?');
});

test('columns line up: numbers to the right, words to the left', () => {
  const seen = snapshot();
  const rows = [12, 10].map((pid) => ({ process: seen.processes.get(pid)!, prefix: '' }));
  const { pid, nlwp, owner, member, args } = columns;
  assert.deepEqual(renderColumns([pid, nlwp, owner, member], rows, seen), [
    'PID NLWP POD/UNIT CONTAINER',
    ' 12   27 web-1-a  httpd',
    ' 10    1 web-1-a  monitor of httpd',
  ]);
  assert.equal(renderColumns([args], rows, seen)[1], 'httpd -DFOREGROUND');
});

test('a Pod’s tree goes down to its processes', () => {
  const seen = snapshot();
  const [pod] = seen.pods.values();
  const lines = drawTrees([podTree(pod!, { snapshot: seen, style: createStyle(false), everyThread: false })]);
  assert.deepEqual(
    lines.map((line) => line.replace(/ {3}(root|httpd:latest).*/, '')),
    [
      'Pod web-1-a   Running, node here',
      '└─ Container httpd',
      `   ├─ cgroup /vitrine-default/kubepods/besteffort/poduid-web-1-a/${containerId('a')}`,
      '   ├─ namespaces net 50, pid 51; of the host: user 3',
      '   ├─ process 11 httpd -DFOREGROUND',
      '   │  ├─ process 12 httpd -DFOREGROUND',
      '   │  └─ process 13 httpd -DFOREGROUND',
      '   └─ process 14 sh (exec)',
    ],
  );
});

const wrong: [command: typeof ps, args: string[], values: Record<string, string | string[]>, message: RegExp][] = [
  [ps, ['nonsense'], {}, /unexpected argument "nonsense"/],
  [ps, [], { sort: 'colour' }, /--sort "colour": must be one of pid/],
  [ps, [], { pid: ['1,x'] }, /--pid "x": must be a number/],
  [ps, [], { selector: 'a in' }, /--selector: /],
  [ps, [], { output: ['yaml'] }, /--output "yaml": no such column/],
  [tree, ['a', 'b', 'c'], {}, /unexpected argument "c"/],
  [tree, [], { output: 'wide' }, /--output "wide"/],
];

for (const [command, args, values, message] of wrong)
  test(`wrong usage is told before anything is asked: ${message.source}`, async () => {
    const out = { line() {}, progress() {}, note() {}, colour: false, columns: undefined };
    await assert.rejects(command.run({ name: 'nowhere', args, values, out }), message);
  });
