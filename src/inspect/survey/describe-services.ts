import path from 'node:path';
import { type PackageInfo, readPackageOwners } from '../../linux/packages.ts';
import type { Process, Snapshot } from '../snapshot.ts';
import { describeLocal, isAnyAddress, isListening, isLoopback, type Socket } from '../sockets.ts';
import { groupProcesses, type ProcessGroup } from './group-processes.ts';
import type { Identify } from './identify.ts';
import type { ProcessFacts } from './process-facts.ts';
import type { Family, Role } from './services/service.ts';

export interface SurveyService {
  /** Stable between two surveys of a host: 'nginx', 'container 8c2f…'. */
  id: string;
  name: string;
  title: string;
  role: Role | null;
  package: string | null;
  version: string | null;
  unit: string | null;
  container: { id: string; runtime: string; name: string | null; image: string | null; podUid: string | null } | null;
  executable: string | null;
  command: string;
  pids: number[];
  user: string;
  startedAt: string;
  threads: number;
  memoryBytes: number;
  cpuSeconds: number;
  listens: { protocol: string; address: string; reach: 'any' | 'loopback' | 'local' | 'unix' }[];
  config: string[];
  logs: string[];
  data: string[];
}

/** Every service of the host: what is known of its kind, and what was found here. */
export function describeServices(
  snapshot: Snapshot,
  sockets: Socket[],
  facts: Map<number, ProcessFacts>,
  family: Family,
  existing: (paths: string[]) => string[],
  identify: Identify,
): SurveyService[] {
  const groups = groupProcesses(snapshot, (pid) => facts.get(pid)?.executable, identify);
  const own = groups.filter(({ root }) => !root.container).flatMap(({ root }) => packagePaths(root, facts));
  const packages = readPackageOwners([...new Set(own)]);
  const byProcess = new Map<Process, Socket[]>();
  for (const socket of sockets)
    if (isListening(socket))
      for (const process of socket.processes) byProcess.set(process, [...(byProcess.get(process) ?? []), socket]);
  return groups
    .map((group) => describeGroup(group, byProcess, facts, packages, family, existing))
    .sort((a, b) => Number(b.listens.length > 0) - Number(a.listens.length > 0) || b.memoryBytes - a.memoryBytes);
}

function describeGroup(
  group: ProcessGroup,
  sockets: Map<Process, Socket[]>,
  facts: Map<number, ProcessFacts>,
  packages: Map<string, PackageInfo>,
  family: Family,
  existing: (paths: string[]) => string[],
): SurveyService {
  const { root, members, known } = group;
  const executable = facts.get(root.pid)?.executable;
  const owner = root.container
    ? undefined
    : packagePaths(root, facts)
        .map((path) => packages.get(path))
        .find((found) => found !== undefined);
  const files = root.container ? [] : members.flatMap(({ pid }) => facts.get(pid)?.files ?? []);
  const sum = (value: (process: Process) => number) => members.reduce((total, process) => total + value(process), 0);
  const listens = members.flatMap((process) => sockets.get(process) ?? []);
  return {
    id: group.id,
    name: group.name,
    title: known?.title ?? group.name,
    role: known?.role ?? null,
    package: owner?.name ?? root.package ?? (executable ? null : (known?.packages?.[family] ?? null)),
    version: owner?.version || null,
    unit: root.unit ?? null,
    container: containerOf(root),
    executable: executable ?? null,
    command: withoutSecrets(root.cmdline).join(' ').trim() || `[${root.comm}]`,
    pids: members.map(({ pid }) => pid),
    user: [...new Set(members.map(({ user }) => user))].slice(0, 3).join(', '),
    startedAt: new Date(root.startedAtMs).toISOString(),
    threads: sum(({ threadCount }) => threadCount),
    memoryBytes: sum(({ rssBytes }) => rssBytes),
    cpuSeconds: sum(({ userTicks, systemTicks }) => (userTicks + systemTicks) / 100),
    listens: uniqueBy(
      listens
        .filter(({ protocol, path }) => protocol !== 'unix' || /^\/(?!proc\/)/.test(path ?? ''))
        .map((socket) => ({ protocol: socket.protocol, address: describeLocal(socket), reach: reachOf(socket) })),
      ({ protocol, address }) => `${protocol} ${address}`,
    ),
    config: uniqueBy(
      [...(root.container ? [] : existing(known?.config ?? [])), ...configArguments(root, existing)],
      (path) => path,
    ),
    logs: uniqueBy(
      [...(root.container ? [] : existing(known?.logs ?? [])), ...files.filter(isLog)],
      (path) => path,
    ).slice(0, 20),
    data: uniqueBy(
      [
        ...dataArguments(root, existing),
        ...(root.container ? [] : existing(known?.data ?? [])),
        ...files.flatMap(dataDirectory),
      ],
      (path) => path,
    ).slice(0, 20),
  };
}

const interpreters = /^(python[\d.]*|perl[\d.]*|ruby[\d.]*|node|php[\d.]*|bash|sh|dash|java)$/;

/**
 * Files whose package is the service's, the best first: the script that an interpreter runs; the name by which the
 * program was called, which may be a link of another package (redis-server); the executable.
 */
function packagePaths({ cmdline, pid }: Process, facts: Map<number, ProcessFacts>): string[] {
  const executable = facts.get(pid)?.executable;
  if (!executable) return [];
  const { dir, base } = path.parse(executable);
  const called = (cmdline[0] ?? '').split(' ')[0]!.replace(/:$/, '');
  const script = interpreters.test(base) ? cmdline.slice(1).find((argument) => argument.startsWith('/')) : undefined;
  return [...(script ? [script] : []), called.startsWith('/') ? called : path.join(dir, called), executable];
}

/** Surveys are passed on: the values of '--password X', '--token=X' and 'API_KEY=X' are left out. */
export function withoutSecrets(cmdline: string[]): string[] {
  const secret = /^-{0,2}[\w.-]*(pass(word|wd)?|secret|token|api[-_]?key|credentials?)$/i;
  return cmdline.map((argument, i) => {
    const [name = '', ...value] = argument.split('=');
    if (value.length > 0 && secret.test(name)) return `${name}=***`;
    const before = cmdline[i - 1] ?? '';
    return before.startsWith('-') && secret.test(before) && !argument.startsWith('-') ? '***' : argument;
  });
}

function containerOf({ container }: Process): SurveyService['container'] {
  if (!container) return null;
  return {
    id: container.id,
    runtime: container.runtime,
    name: container.name ?? null,
    image: container.image ?? null,
    podUid: container.podUid ?? null,
  };
}

function reachOf({ protocol, localAddress }: Socket): SurveyService['listens'][number]['reach'] {
  if (protocol === 'unix') return 'unix';
  return isAnyAddress(localAddress) ? 'any' : isLoopback(localAddress) ? 'loopback' : 'local';
}

/** Files that the command line names as configuration: '-c FILE', '--config=FILE', 'redis-server FILE'. */
function configArguments({ cmdline, container }: Process, existing: (paths: string[]) => string[]): string[] {
  if (container) return [];
  const paths = cmdline.flatMap(
    (argument) => /(?:^|=)(\/[^\s=]+\.(?:conf|cfg|cnf|ini|ya?ml|toml|json|properties|rc))$/.exec(argument)?.[1] ?? [],
  );
  return existing(paths);
}

/** Directories that the command line names as data: '-D DIR', '--datadir=DIR', '--storage.tsdb.path=DIR'. */
function dataArguments({ cmdline, container }: Process, existing: (paths: string[]) => string[]): string[] {
  if (container) return [];
  const option = /^(-D|--?(?:data[-_.]?(?:dir|path|directory)?|dbpath|storage[\w.-]*(?:path|dir)|path\.data))$/;
  return existing(
    cmdline.flatMap((argument, i) => {
      const [name = '', value] = argument.split('=');
      const path = option.test(name) ? (value ?? cmdline[i + 1]) : undefined;
      return path?.startsWith('/') ? [path] : [];
    }),
  );
}

const isLog = (path: string): boolean => /\.log(\.\d+)?$|^\/var\/log\//.test(path);

/** '/var/lib/postgresql' of a file below it. */
function dataDirectory(path: string): string[] {
  const directory = /^(\/var\/(?:lib|spool|cache|opt)\/[^/]+|\/srv\/[^/]+|\/opt\/[^/]+\/data)(?=\/)/.exec(path)?.[1];
  return directory ? [directory] : [];
}

function uniqueBy<T>(items: T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
