import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectCgroups, leftoverControllers } from './cgroup-layout.ts';
import { cpuWeight, planCgroupWrites, readUsageV1, readUsageV2 } from './cgroup-limits.ts';
import { mountsBelow, parseMountInfo } from './mountinfo.ts';
import { NetlinkWriter, NLM_F_ACK, readAttributes, readEnd, readMessages } from './netlink-message.ts';
import { parseNetDev } from './network-use.ts';
import { parseHardLimits } from './own-limits.ts';
import { checkLinux, type HostFacts } from './preflight.ts';
import { parseCgroups, parseStat } from './proc.ts';
import { sysctlPath } from './sysctl.ts';

const mountinfo = (lines: string[]) => lines.map((line, index) => `${index + 20} 1 0:${index} ${line}`).join('\n');
const v1 = (name: string) => `/ /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`;
const hybrid = mountinfo([
  v1('cpu,cpuacct'),
  v1('memory'),
  v1('pids'),
  '/ /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
]);
const v2 = mountinfo(['/ /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw']);

test('mount points are unescaped and listed deepest first', () => {
  const entries = parseMountInfo(
    mountinfo([
      '/ /run/a rw - tmpfs tmpfs rw',
      '/ /run/a/b\\040c rw shared:1 - ext4 /dev/sda rw',
      '/ /run/ab rw - tmpfs t rw',
    ]),
  );
  assert.deepEqual(
    mountsBelow(entries, '/run/a').map((mount) => mount.target),
    ['/run/a/b c', '/run/a'],
  );
});

test('cgroup layouts are told apart, with every hierarchy once', () => {
  const both = detectCgroups(hybrid, () => 'hugetlb\n');
  assert.equal(both.version, 'hybrid');
  assert.equal(both.controllers.cpuacct, '/sys/fs/cgroup/cpu,cpuacct');
  assert.equal(both.roots.length, 4);
  assert.deepEqual(leftoverControllers(both, '1:memory:/a\n0::/'), ['hugetlb']);
  const unmounted = detectCgroups(hybrid, () => '');
  assert.deepEqual(leftoverControllers(unmounted, '10:hugetlb:/\n1:memory:/a\n2:name=systemd:/\n0::/'), ['hugetlb']);
  const only = detectCgroups(v2, () => 'cpu memory pids\n');
  assert.deepEqual([only.version, only.roots, only.controllers.memory], ['v2', ['/sys/fs/cgroup'], '/sys/fs/cgroup']);
  assert.deepEqual(leftoverControllers(only, '0::/a\n'), []);
});

test('limits become the files of v1 and of v2', () => {
  const limits = { cpuShares: 1024, cpuQuota: 50_000, memoryBytes: -1, pids: 100 };
  const files = (isV2: boolean) => planCgroupWrites(limits, isV2).map(({ file, value }) => `${file}=${value}`);
  assert.deepEqual(files(false), [
    'cpu.shares=1024',
    'cpu.cfs_period_us=100000',
    'cpu.cfs_quota_us=50000',
    'memory.limit_in_bytes=-1',
    'pids.max=100',
  ]);
  assert.deepEqual(files(true), ['cpu.weight=39', 'cpu.max=50000 100000', 'memory.max=max', 'pids.max=100']);
  const memory = { memoryMinBytes: 0, memoryLowBytes: 8192, memoryHighBytes: -1, swapBytes: 4096 };
  assert.deepEqual(planCgroupWrites(memory, false), []);
  assert.deepEqual(
    planCgroupWrites(memory, true).map(({ file, value }) => `${file}=${value}`),
    ['memory.min=0', 'memory.low=8192', 'memory.high=max', 'memory.swap.max=4096'],
  );
  assert.deepEqual([2, 262_144, 0].map(cpuWeight), [1, 10_000, 1]);
});

test('usage is read from the files of both versions', () => {
  const from = (files: Record<string, string>) => (_: string, file: string) => files[file] ?? '';
  const old = readUsageV1(
    from({
      'cpuacct.usage': '7\n',
      'memory.usage_in_bytes': '100',
      'memory.stat': 'cache 1\ntotal_inactive_file 40\n',
      'memory.limit_in_bytes': '9223372036854771712',
      'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
    }),
  );
  assert.deepEqual(
    [old.cpuNanoseconds, old.workingSetBytes, old.memoryLimitBytes, old.oomKills],
    [7, 60, undefined, 2],
  );
  const unified = readUsageV2(
    from({
      'cpu.stat': 'usage_usec 3\nthrottled_usec 1\n',
      'memory.current': '100',
      'memory.stat': 'inactive_file 30\n',
      'memory.max': '200\n',
      'memory.events': 'oom 1\noom_kill 1\n',
    }),
  );
  assert.deepEqual(
    [
      unified.cpuNanoseconds,
      unified.throttledNanoseconds,
      unified.workingSetBytes,
      unified.memoryLimitBytes,
      unified.oomKills,
    ],
    [3000, 1000, 70, 200, 1],
  );
});

test('a stat line is parsed although the name contains a parenthesis and blanks', () => {
  const fields = Array.from({ length: 50 }, (_, index) => String(index + 3));
  const { task, rssPages } = parseStat(`12 (a) b (c) S ${fields.slice(1).join(' ')}`);
  assert.deepEqual(
    [task.comm, task.state, task.ppid, task.threadCount, task.startTicks, rssPages],
    ['a) b (c', 'S', 4, 20, 22, 24],
  );
});

test('cgroup lines keep colons in paths', () => {
  assert.deepEqual(parseCgroups('3:cpu,cpuacct:/a:b\n0::/x\n'), { 'cpu,cpuacct': '/a:b', '': '/x' });
});

test('sysctl names use dots or slashes', () => {
  assert.equal(sysctlPath('net.ipv4.conf.eth0/1.forwarding'), '/proc/sys/net/ipv4/conf/eth0.1/forwarding');
  assert.equal(sysctlPath('net/ipv4/conf/eth0.1/forwarding'), '/proc/sys/net/ipv4/conf/eth0.1/forwarding');
  assert.throws(() => sysctlPath('/../../etc/passwd'), /invalid sysctl name/);
});

test('netlink messages are aligned, nested and numbered, and read back', () => {
  const writer = new NetlinkWriter(7);
  writer.message(16, NLM_F_ACK, Buffer.alloc(16), (it) =>
    it.string(3, 'abc4').nest(18, (info) => info.string(1, 'veth').u8(2, 9)),
  );
  writer.message(20, 0, Buffer.alloc(8));
  const [first, second] = [...readMessages(writer.bytes)];
  assert.deepEqual([first?.type, first?.sequence, first?.flags, second?.type, second?.sequence], [16, 7, 5, 20, 8]);
  const attributes = readAttributes(first!.payload, 16);
  assert.equal(attributes.get(3)?.toString(), 'abc4\0');
  assert.deepEqual(readAttributes(attributes.get(18)!).get(2), Buffer.of(9));
});

test('an acknowledgement carries the errno and the extended text of the kernel', () => {
  const text = Buffer.from('no such thing\0');
  const payload = Buffer.alloc(20 + 4 + 16);
  payload.writeInt32LE(-22, 0);
  payload.writeUInt16LE(4 + text.length, 20);
  payload.writeUInt16LE(1, 22);
  text.copy(payload, 24);
  assert.deepEqual(readEnd({ type: 2, sequence: 1, flags: 0x300, payload }), { errno: 22, text: 'no such thing' });
});

const goodHost: HostFacts = {
  platform: 'linux',
  uid: 0,
  hasProgram: () => true,
  hasLibrary: () => true,
  hasNamespace: () => true,
  mountinfo: v2,
  readControllers: () => 'cpu memory pids',
};

const hosts: [string, Partial<HostFacts>, RegExp | undefined][] = [
  ['a good host passes', {}, undefined],
  ['a user is told to be root', { uid: 1000 }, /not root/],
  ['a missing crun is named', { hasProgram: (name) => name !== 'crun' }, /^crun not found$/],
  ['a missing library is named', { hasLibrary: () => false }, /libnftables not found/],
  ['no cgroups', { mountinfo: '' }, /no cgroup file system is mounted/],
  ['no memory controller', { readControllers: () => 'cpu pids' }, /controller memory is not available/],
  ['read-only cgroups', { mountinfo: v2.replace('rw,nosuid', 'ro,nosuid') }, /mounted read-only/],
];
for (const [sentence, facts, expected] of hosts) {
  test(`preflight: ${sentence}`, async () => {
    const check = checkLinux({ ...goodHost, ...facts });
    if (expected)
      await assert.rejects(check, (error: Error) => error.name === 'UserError' && expected.test(error.message));
    else await check;
  });
}

test('the traffic of interfaces is read off /proc/PID/net/dev', () => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '  eth0: 1500      10    1    2    0     0          0         0     2500      20    3    4    0     0       0          0',
  ].join('\n');
  assert.deepEqual(parseNetDev(text), [
    {
      name: 'eth0',
      ...{ rxBytes: 1500, rxPackets: 10, rxErrors: 1, rxDropped: 2 },
      ...{ txBytes: 2500, txPackets: 20, txErrors: 3, txDropped: 4 },
    },
  ]);
});

test('hard limits of a process have the names of setrlimit', () => {
  const text = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            1024                 524288               files
Max nice priority         0                    0
`;
  assert.deepEqual(parseHardLimits(text), { cpu: Number.POSITIVE_INFINITY, nofile: 524288, nice: 0 });
});
