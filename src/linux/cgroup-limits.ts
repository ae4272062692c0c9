import type { CgroupLimits, CgroupUsage } from './linux.ts';

/** One value for one file of one controller. */
export interface CgroupWrite {
  controller: 'cpu' | 'memory' | 'pids';
  file: string;
  value: string;
}

/** The files that set these limits (cgroup-v1 and cgroup-v2 in the kernel's admin guide). */
export function planCgroupWrites(limits: CgroupLimits, v2: boolean): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  const { cpuShares, cpuQuota, cpuPeriod = 100_000, memoryBytes, pids } = limits;
  if (cpuShares !== undefined) {
    writes.push(
      v2
        ? { controller: 'cpu', file: 'cpu.weight', value: String(cpuWeight(cpuShares)) }
        : { controller: 'cpu', file: 'cpu.shares', value: String(Math.max(2, cpuShares)) },
    );
  }
  if (cpuQuota !== undefined) {
    if (v2)
      writes.push({ controller: 'cpu', file: 'cpu.max', value: `${cpuQuota > 0 ? cpuQuota : 'max'} ${cpuPeriod}` });
    else {
      writes.push({ controller: 'cpu', file: 'cpu.cfs_period_us', value: String(cpuPeriod) });
      writes.push({ controller: 'cpu', file: 'cpu.cfs_quota_us', value: String(cpuQuota > 0 ? cpuQuota : -1) });
    }
  }
  if (memoryBytes !== undefined) {
    writes.push({
      controller: 'memory',
      file: v2 ? 'memory.max' : 'memory.limit_in_bytes',
      value: memoryBytes > 0 ? String(memoryBytes) : v2 ? 'max' : '-1',
    });
  }
  if (pids !== undefined) writes.push({ controller: 'pids', file: 'pids.max', value: pids > 0 ? String(pids) : 'max' });
  return v2 ? [...writes, ...v2Writes(limits)] : writes;
}

function v2Writes({ memoryMinBytes, memoryLowBytes, memoryHighBytes, swapBytes }: CgroupLimits): CgroupWrite[] {
  const files: [string, number | undefined][] = [
    ['memory.min', memoryMinBytes],
    ['memory.low', memoryLowBytes],
    ['memory.high', memoryHighBytes],
    ['memory.swap.max', swapBytes],
  ];
  return files.flatMap(([file, bytes]) =>
    bytes === undefined ? [] : [{ controller: 'memory', file, value: bytes < 0 ? 'max' : String(bytes) }],
  );
}

/** KEP-2254: cpu.shares 2..262144 become cpu.weight 1..10000. */
export function cpuWeight(shares: number): number {
  const bounded = Math.min(262_144, Math.max(2, shares));
  return 1 + Math.floor(((bounded - 2) * 9999) / 262_142);
}

/** Reads a file of the controller's directory; '' when it is not there. */
type ReadFile = (controller: string, file: string) => string;

export function readUsageV1(read: ReadFile): CgroupUsage {
  const memoryBytes = Number(read('memory', 'memory.usage_in_bytes')) || 0;
  const limit = Number(read('memory', 'memory.limit_in_bytes'));
  const [cpu, memory] = [read('cpu', 'cpu.stat'), read('memory', 'memory.stat')];
  return {
    cpuNanoseconds: Number(read('cpuacct', 'cpuacct.usage')) || 0,
    throttledNanoseconds: field(cpu, 'throttled_time'),
    cpuPeriods: field(cpu, 'nr_periods'),
    throttledPeriods: field(cpu, 'nr_throttled'),
    memoryBytes,
    workingSetBytes: Math.max(0, memoryBytes - field(memory, 'total_inactive_file')),
    rssBytes: field(memory, 'total_rss'),
    cacheBytes: field(memory, 'total_cache'),
    swapBytes: field(memory, 'total_swap'),
    pageFaults: field(memory, 'total_pgfault'),
    majorPageFaults: field(memory, 'total_pgmajfault'),
    // 'none' is the greatest multiple of the page size that fits in 63 bits.
    memoryLimitBytes: limit > 0 && limit < 2 ** 62 ? limit : undefined,
    pids: Number(read('pids', 'pids.current')) || 0,
    oomKills: field(read('memory', 'memory.oom_control'), 'oom_kill'),
  };
}

export function readUsageV2(read: ReadFile): CgroupUsage {
  const [cpu, memory] = [read('cpu', 'cpu.stat'), read('memory', 'memory.stat')];
  const memoryBytes = Number(read('memory', 'memory.current')) || 0;
  const limit = read('memory', 'memory.max').trim();
  return {
    cpuNanoseconds: field(cpu, 'usage_usec') * 1000,
    throttledNanoseconds: field(cpu, 'throttled_usec') * 1000,
    cpuPeriods: field(cpu, 'nr_periods'),
    throttledPeriods: field(cpu, 'nr_throttled'),
    memoryBytes,
    workingSetBytes: Math.max(0, memoryBytes - field(memory, 'inactive_file')),
    rssBytes: field(memory, 'anon'),
    cacheBytes: field(memory, 'file'),
    swapBytes: Number(read('memory', 'memory.swap.current')) || 0,
    pageFaults: field(memory, 'pgfault'),
    majorPageFaults: field(memory, 'pgmajfault'),
    memoryLimitBytes: limit === 'max' || limit === '' ? undefined : Number(limit),
    pids: Number(read('pids', 'pids.current')) || 0,
    oomKills: field(read('memory', 'memory.events'), 'oom_kill'),
  };
}

/** The value of a line 'name value'. */
function field(text: string, name: string): number {
  const match = new RegExp(`^${name} (\\d+)$`, 'm').exec(text);
  return match ? Number(match[1]) : 0;
}
