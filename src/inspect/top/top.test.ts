import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstState, pressKey, type Shown, type TopState } from './keys.ts';
import { topRows } from './rows.ts';
import { openSampler, type TopProcess } from './sampler.ts';

const process_ = (pid: number, fields: Partial<TopProcess> = {}): TopProcess => ({
  pid,
  ppid: 1,
  startTicks: pid,
  name: 'httpd',
  command: ['httpd'],
  user: 'root',
  state: 'S',
  threads: 2,
  rssBytes: 10,
  cpuTicks: 100,
  cpuPercent: 1,
  owner: { container: { id: 'c1', runtime: 'vitrine', podUid: 'u1' } },
  ...fields,
});
const names = { pod: (uid: string) => (uid === 'u1' ? 'web-1' : undefined), container: () => undefined };
const processes = [
  process_(1, { cpuPercent: 5 }),
  process_(2),
  process_(3, { owner: { unit: 'ssh.service' }, command: ['sshd'], cpuPercent: 9 }),
];

test('processes are summed up by Pod, container and unit', () => {
  const [pod, ...others] = topRows(processes, { level: 'pods', sort: 'cpu' }, names);
  assert.deepEqual([pod?.name, pod?.processes, pod?.threads, pod?.cpuPercent, others.length], ['web-1', 2, 4, 6, 0]);
  assert.equal(topRows(processes, { level: 'containers', sort: 'cpu' }, names)[0]?.name, 'vitrine c1');
  assert.equal(topRows(processes, { level: 'units', sort: 'cpu' }, names)[0]?.name, 'ssh.service');
});

test('orders, filters, and what is within a row', () => {
  const pids = (query: Partial<Parameters<typeof topRows>[1]>) =>
    topRows(processes, { level: 'processes', sort: 'cpu', ...query }, names).map(({ pid }) => pid);
  assert.deepEqual(pids({}), [3, 1, 2]);
  assert.deepEqual(pids({ sort: 'name' }), [1, 2, 3]);
  assert.deepEqual(pids({ filter: 'SSH' }), [3]);
  assert.deepEqual(pids({ within: 'pod u1' }), [1, 2]);
});

test('keys: down, into a Pod, its container, a process, and back out to where one was', () => {
  const shown: Shown = {
    rows: [
      { key: 'a', name: 'A', pid: 1 },
      { key: 'b', name: 'B', pid: 2 },
    ],
    pageSize: 10,
  };
  const press = (state: TopState, ...keys: string[]) => keys.reduce((now, key) => pressKey(now, key, shown), state);
  const first = firstState('pods', 'cpu');
  const inside = press(first, 'j', '\r');
  assert.deepEqual([inside.level, inside.path.map(({ key }) => key)], ['containers', ['b']]);
  const threads = press(inside, '\r', '\r');
  assert.equal(threads.threadsOf, 1);
  const out = press(threads, '\u001b', '\u001b', '\u001b');
  assert.deepEqual([out.level, out.selected, out.path.length], ['pods', 'b', 0]);
  assert.equal(press(first, '/', 'w', 'q', '\r').filter, 'wq');
  assert.equal(press(first, 'm').sort, 'memory');
  assert.ok(press(first, 'q').quit && press(first, '\u0003').quit);
});

test('a sample has this process, with the CPU that it used since the one before', () => {
  const sampler = openSampler();
  try {
    sampler.sample();
    const until = performance.now() + 300;
    while (performance.now() < until);
    const own = sampler.sample().processes.find(({ pid }) => pid === process.pid);
    assert.ok(own && own.cpuPercent > 10, `${own?.cpuPercent}`);
    assert.ok(own.rssBytes > 1e6 && own.threads > 1);
  } finally {
    sampler.close();
  }
});
