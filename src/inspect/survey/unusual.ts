import type { Fill } from '../../linux/host-facts.ts';
import { plural } from '../plural.ts';
import { size } from '../size.ts';
import type { Process, Snapshot } from '../snapshot.ts';
import { describeLocal, isAnyAddress, type Socket } from '../sockets.ts';
import type { SurveyService } from './describe-services.ts';
import type { ProcessFacts } from './process-facts.ts';

/** Something that an experienced eye would stop at. */
export interface Unusual {
  /** Stable name: 'DeletedExecutable'. */
  code: string;
  severity: 'error' | 'warning' | 'note';
  text: string;
  pids: number[];
}

export interface UnusualInput {
  snapshot: Snapshot;
  sockets: Socket[];
  facts: Map<number, ProcessFacts>;
  services: SurveyService[];
  fills: Fill[];
  failedUnits: string[];
  rebootReasons: string[];
  clockDifferenceSeconds: number | undefined;
  memory: Record<string, number>;
}

/** Each rule looks at everything and says what it finds; pure but for the cgroups that the snapshot reads. */
const rules: ((input: UnusualInput) => Unusual[])[] = [
  ({ failedUnits }) =>
    failedUnits.map((unit) => ({ code: 'FailedUnit', severity: 'error', text: `unit ${unit} has failed`, pids: [] })),
  ({ rebootReasons }) =>
    rebootReasons.map((text) => ({
      code: 'RebootPending',
      severity: 'warning',
      text: `restart pending: ${text}`,
      pids: [],
    })),
  states,
  executables,
  nearLimits,
  memoryPressure,
  cgroups,
  pressure,
  exposed,
  clock,
];

export function findUnusual(input: UnusualInput): Unusual[] {
  const ranks = { error: 0, warning: 1, note: 2 };
  return rules.flatMap((rule) => rule(input)).sort((a, b) => ranks[a.severity] - ranks[b.severity]);
}

const named = ({ pid, comm }: Process): string => `${comm} (${pid})`;

const some = (processes: Process[]): string =>
  processes.slice(0, 5).map(named).join(', ') + (processes.length > 5 ? ` and ${processes.length - 5} more` : '');

const pidsOf = (processes: Process[]): number[] => processes.map(({ pid }) => pid);

function states({ snapshot }: UnusualInput): Unusual[] {
  const all = [...snapshot.processes.values()];
  const zombies = all.filter(({ state }) => state === 'Z');
  const waiting = all.filter(({ state, ppid }) => state === 'D' && ppid !== 2);
  const stopped = all.filter(({ state }) => state === 'T' || state === 't');
  const parents = [...new Set(zombies.flatMap(({ parent }) => parent ?? []))];
  return [
    ...(zombies.length > 0
      ? [
          {
            code: 'Zombies',
            severity: 'warning' as const,
            text: `${plural(zombies.length, 'zombie')}, not waited for by ${some(parents)}`,
            pids: pidsOf(zombies),
          },
        ]
      : []),
    ...(waiting.length > 0
      ? [
          {
            code: 'UninterruptibleSleep',
            severity: 'warning' as const,
            text: `waiting in the kernel (state D): ${some(waiting)}`,
            pids: pidsOf(waiting),
          },
        ]
      : []),
    ...(stopped.length > 0
      ? [{ code: 'Stopped', severity: 'note' as const, text: `stopped: ${some(stopped)}`, pids: pidsOf(stopped) }]
      : []),
  ];
}

/** Executables that are gone, in memory or in places for temporary files: one finding for each file. */
function executables({ snapshot, facts }: UnusualInput): Unusual[] {
  const byFile = new Map<string, { code: string; text: string; processes: Process[] }>();
  const restart: Process[] = [];
  for (const process of snapshot.processes.values()) {
    const its = facts.get(process.pid);
    if (!its || process.container) continue;
    if (its.deletedLibraries.length > 0) restart.push(process);
    const problem = executableProblem(its);
    if (!problem) continue;
    const known = byFile.get(problem.text);
    if (known) known.processes.push(process);
    else byFile.set(problem.text, { ...problem, processes: [process] });
  }
  const found = [...byFile.values()].map(
    ({ code, text, processes }): Unusual => ({
      code,
      severity: 'warning',
      text: `${some(processes)}: ${text}`,
      pids: pidsOf(processes),
    }),
  );
  if (restart.length > 0)
    found.push({
      code: 'RestartPending',
      severity: 'warning',
      text: `libraries were updated since these started: ${some(restart)}`,
      pids: pidsOf(restart),
    });
  return found;
}

function executableProblem({
  executable = '',
  executableDeleted,
}: ProcessFacts): { code: string; text: string } | undefined {
  if (executable.startsWith('/memfd:')) {
    // runc and crun run from a sealed copy in memory, so that no container can change them.
    if (/^\/memfd:(runc|crun)/.test(executable)) return undefined;
    return { code: 'MemoryExecutable', text: `runs from memory, without a file: ${executable}` };
  }
  if (executableDeleted)
    return { code: 'DeletedExecutable', text: `runs ${executable}, which was removed or replaced` };
  if (/^\/(tmp|var\/tmp|dev\/shm)\//.test(executable))
    return { code: 'TemporaryExecutable', text: `runs ${executable}` };
  return undefined;
}

/** Ratios from which on something is said. */
const warnAt = 0.8;
const errorAt = 0.95;

function nearLimits({ snapshot, facts, fills }: UnusualInput): Unusual[] {
  const full = fills
    .filter(({ used, limit }) => used / limit >= warnAt)
    .map(({ name, used, limit }): Unusual => {
      const inBytes = name.startsWith('disk ');
      const [now, most] = [used, limit].map((value) => (inBytes ? size(value) : String(value)));
      const severity = used / limit >= errorAt ? 'error' : 'warning';
      return {
        code: 'NearlyFull',
        severity,
        text: `${name}: ${now} of ${most} used (${Math.round((used * 100) / limit)} %)`,
        pids: [],
      };
    });
  const processes = [...snapshot.processes.values()].flatMap((process): Unusual[] => {
    const { descriptorCount = 0, descriptorLimit } = facts.get(process.pid) ?? {};
    if (!descriptorLimit || descriptorCount / descriptorLimit < warnAt) return [];
    const severity = descriptorCount / descriptorLimit >= errorAt ? 'error' : 'warning';
    return [
      {
        code: 'NearlyOutOfFiles',
        severity,
        text: `${named(process)} has ${descriptorCount} of ${descriptorLimit} files open`,
        pids: [process.pid],
      },
    ];
  });
  return [...full, ...processes];
}

function memoryPressure({ memory }: UnusualInput): Unusual[] {
  const { MemTotal = 0, MemAvailable = 0, SwapTotal = 0, SwapFree = 0 } = memory;
  const found: Unusual[] = [];
  if (MemTotal > 0 && MemAvailable / MemTotal < 1 - warnAt)
    found.push({
      code: 'LittleMemory',
      severity: MemAvailable / MemTotal < 1 - errorAt ? 'error' : 'warning',
      text: `${size(MemAvailable)} of ${size(MemTotal)} memory available`,
      pids: [],
    });
  if (SwapTotal > 0 && SwapFree / SwapTotal < 0.5)
    found.push({
      code: 'SwapUsed',
      severity: 'warning',
      text: `${size(SwapTotal - SwapFree)} of ${size(SwapTotal)} swap used`,
      pids: [],
    });
  return found;
}

/** Cgroups that have processes, and those above them, whose limits count for all below. */
function cgroups({ snapshot }: UnusualInput): Unusual[] {
  return [...withParents(snapshot.cgroups.keys())].flatMap((path): Unusual[] => {
    const reading = snapshot.readCgroup(path);
    if (!reading) return [];
    const { workingSetBytes, memoryLimitBytes, pids, pidsLimit, oomKills, throttledNanoseconds } = reading;
    const processes = snapshot.cgroups.get(path)?.processes ?? [];
    const found: Unusual[] = [];
    const add = (code: string, severity: Unusual['severity'], text: string) =>
      found.push({ code, severity, text: `cgroup ${path} ${text}`, pids: pidsOf(processes) });
    // Counts of v2 contain those below.
    if (oomKills > 0 && processes.length > 0)
      add('OomKills', 'error', `had ${oomKills} processes killed for lack of memory`);
    // Without the page cache that could be given back at once.
    if (memoryLimitBytes && workingSetBytes / memoryLimitBytes >= warnAt)
      add('NearMemoryLimit', 'warning', `uses ${size(workingSetBytes)} of ${size(memoryLimitBytes)} memory`);
    if (pidsLimit && pids / pidsLimit >= warnAt) add('NearPidsLimit', 'warning', `has ${pids} of ${pidsLimit} pids`);
    if (throttledNanoseconds > 10e9)
      add('Throttled', 'note', `was throttled for ${Math.round(throttledNanoseconds / 1e9)} s`);
    return found;
  });
}

function withParents(paths: Iterable<string>): Set<string> {
  const all = new Set<string>();
  for (const path of paths)
    for (let at = path; at.length > 1 && !all.has(at); at = at.slice(0, at.lastIndexOf('/'))) all.add(at);
  return all;
}

/** Percent of the last minute in which something waited, from which on it is worth a word. */
const pressureLimits = { memory: 10, io: 30, cpu: 60 };

function pressure({ snapshot }: UnusualInput): Unusual[] {
  const pressures = snapshot.readPressure();
  return (['memory', 'io', 'cpu'] as const).flatMap((resource): Unusual[] => {
    const waited = pressures[resource]?.some.avg60 ?? 0;
    if (waited < pressureLimits[resource]) return [];
    const text = `something waited for ${resource} in ${Math.round(waited)} % of the last minute`;
    return [{ code: 'Pressure', severity: resource === 'memory' ? 'warning' : 'note', text, pids: [] }];
  });
}

/** Reachable from everywhere, in the host's own network; those that are meant to be are a note, databases a warning. */
function exposed({ snapshot, sockets, services }: UnusualInput): Unusual[] {
  const delicate = new Set(['database', 'cache', 'queue', 'search', 'container runtime']);
  const byPid = new Map(services.flatMap((service) => service.pids.map((pid) => [pid, service] as const)));
  const seen = new Set<string>();
  return sockets.flatMap((socket): Unusual[] => {
    const host = socket.network === 0 || snapshot.namespaces.get(socket.network)?.host;
    const open = socket.protocol === 'tcp' && socket.state === 'LISTEN' && isAnyAddress(socket.localAddress);
    const key = `${socket.localPort}`;
    if (!host || !open || seen.has(key)) return [];
    seen.add(key);
    const service = byPid.get(socket.processes[0]?.pid ?? -1);
    const who = service?.title ?? 'a process that we may not see';
    const severity = delicate.has(service?.role ?? '') ? 'warning' : 'note';
    return [
      {
        code: 'ListensEverywhere',
        severity,
        text: `${who} listens on all addresses: ${describeLocal(socket)}`,
        pids: pidsOf(socket.processes),
      },
    ];
  });
}

function clock({ clockDifferenceSeconds }: UnusualInput): Unusual[] {
  const off = Math.abs(clockDifferenceSeconds ?? 0);
  // A clock that keeps local time is off by whole half hours.
  if (off < 5 || off % 1800 < 5 || off % 1800 > 1795) return [];
  return [
    {
      code: 'ClockDifference',
      severity: 'warning',
      text: `the system clock differs from the hardware clock by ${off} s`,
      pids: [],
    },
  ];
}
