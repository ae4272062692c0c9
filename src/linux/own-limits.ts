import { readText } from './read-text.ts';

/** Names of the capabilities by their bit (capability.h). */
const names = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
];

export interface OwnLimits {
  /** Capabilities that we may hand on, as 'CAP_CHOWN'. */
  capabilities: string[];
  /** Our oom_score_adj: without CAP_SYS_RESOURCE nobody that we start can have less (proc_pid_oom_score_adj(5)). */
  oomScoreAdj: number;
  /** Hard limits by the names of setrlimit(2): 'nofile'. */
  hardLimits: Record<string, number>;
}

/** Names of the lines of /proc/PID/limits. */
const limitNames: Record<string, string> = {
  'cpu time': 'cpu',
  'file size': 'fsize',
  'data size': 'data',
  'stack size': 'stack',
  'core file size': 'core',
  'resident set': 'rss',
  processes: 'nproc',
  'open files': 'nofile',
  'locked memory': 'memlock',
  'address space': 'as',
  'file locks': 'locks',
  'pending signals': 'sigpending',
  'msgqueue size': 'msgqueue',
  'nice priority': 'nice',
  'realtime priority': 'rtprio',
  'realtime timeout': 'rttime',
};

/** What this process may give to its children. */
export function ownLimits(): OwnLimits {
  const status = readText('/proc/self/status');
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const permitted = BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const both = bounding & permitted;
  return {
    capabilities: names.filter((_, bit) => (both >> BigInt(bit)) & 1n).map((name) => `CAP_${name}`),
    oomScoreAdj: Number(readText('/proc/self/oom_score_adj')),
    hardLimits: parseHardLimits(readText('/proc/self/limits')),
  };
}

/** proc_pid_limits(5). */
export function parseHardLimits(text: string): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const [, what = '', hard] of text.matchAll(/^Max (.+?)\s+(?:\d+|unlimited)\s+(\d+|unlimited)/gm)) {
    const name = limitNames[what];
    if (name) limits[name] = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
  }
  return limits;
}
