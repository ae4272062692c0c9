import { readDetails, readPss } from '../../linux/proc-details.ts';
import { readDescriptors } from '../../linux/proc-sockets.ts';
import { plural } from '../plural.ts';
import { size } from '../size.ts';
import { type Process, readThreads, type Snapshot } from '../snapshot.ts';
import { describeLocal, formatAddress, isListening } from '../sockets.ts';
import { above } from './above.ts';
import type { Look, LookContext, LookNode } from './look.ts';

/** A process: upwards to its Service or unit, its limits and open files, downwards to children and threads. */
export function lookAtProcess(process: Process, context: LookContext): Look {
  return {
    type: 'process',
    title: `process ${process.pid} ${commandText(process)}`,
    above: [...above(process, context.snapshot), ...ancestors(process)],
    facts: [...factsOf(process, context.snapshot), ...detailFacts(process)],
    below: [...socketNodes(process, context), ...fileNodes(process), ...childNodes(process), ...threadNodes(process)],
  };
}

export function commandText({ cmdline, comm }: Process): string {
  return cmdline.length > 0 ? cmdline.join(' ').trim() : `[${comm}]`;
}

/** From the first process down; those of the same container only, as what is outside is said by the container. */
function ancestors(process: Process): LookNode[] {
  const chain: LookNode[] = [];
  const seen = new Set<Process>();
  for (let at = process.parent; at && !seen.has(at); at = at.parent) {
    seen.add(at);
    chain.unshift({ type: 'process', text: `process ${at.pid} ${commandText(at).slice(0, 120)}`, children: [] });
    if (at.container !== process.container) break;
  }
  return chain;
}

function factsOf(process: Process, { host, namespaces, takenAtMs }: Snapshot): Look['facts'] {
  const cpuSeconds = (process.userTicks + process.systemTicks) / 100;
  const own = Object.entries(process.namespaces).filter(([, inode]) => namespaces.get(inode)?.host === false);
  return [
    { name: 'state', value: `${process.state}${stateNames[process.state] ? ` (${stateNames[process.state]})` : ''}` },
    { name: 'user', value: `${process.user} (${process.uid})` },
    {
      name: 'started',
      value: `${new Date(process.startedAtMs).toISOString()} (${age(takenAtMs - process.startedAtMs)} ago)`,
    },
    { name: 'cpu', value: `${cpuSeconds.toFixed(2)} s` },
    {
      name: 'memory',
      value: `${size(process.rssBytes)} resident (${((process.rssBytes * 100) / host.memoryBytes).toFixed(1)} %)`,
    },
    { name: 'threads', value: String(process.threadCount) },
    ...(process.innerPid === process.pid ? [] : [{ name: 'pid inside', value: String(process.innerPid) }]),
    ...(process.role ? [{ name: 'role', value: process.role }] : []),
    { name: 'cgroup', value: process.cgroup },
    {
      name: 'namespaces',
      value: own.length > 0 ? own.map(([kind, inode]) => `${kind} ${inode}`).join(', ') : 'those of the host',
    },
  ];
}

const stateNames: Record<string, string> = {
  R: 'running',
  S: 'sleeping',
  D: 'waits in the kernel, cannot be killed',
  T: 'stopped',
  t: 'stopped by a debugger',
  Z: 'zombie: ended, its parent has not asked',
  I: 'idle',
};

function detailFacts({ pid }: Process): Look['facts'] {
  const details = readDetails(pid);
  const pss = readPss(pid);
  const fact = (name: string, value: string | undefined) => (value === undefined ? [] : [{ name, value }]);
  return [
    ...fact(
      'executable',
      details.executable &&
        `${details.executable}${details.executableDeleted ? ' (deleted: replaced since it was started)' : ''}`,
    ),
    ...fact('directory', details.workingDirectory),
    ...fact('root', details.root === '/' ? undefined : details.root),
    ...fact('shared memory', pss === undefined ? undefined : `${size(pss)} proportional (PSS)`),
    ...fact('swapped', details.swapBytes ? size(details.swapBytes) : undefined),
    ...fact(
      'open files',
      details.descriptorCount === undefined
        ? undefined
        : `${details.descriptorCount} of ${details.descriptorLimit ?? 'no limit'}`,
    ),
    ...fact(
      'disk',
      details.readBytes === undefined
        ? undefined
        : `${size(details.readBytes)} read, ${size(details.writtenBytes ?? 0)} written`,
    ),
    ...fact(
      'OOM score',
      details.oomScore === undefined ? undefined : `${details.oomScore} (adjusted by ${details.oomScoreAdjust ?? 0})`,
    ),
    ...fact('capabilities', details.capabilities),
    ...fact('seccomp', details.seccomp),
    ...fact('no new privileges', details.noNewPrivileges ? 'yes' : undefined),
    ...fact('waits in', details.threadsWaitIn === '0' ? undefined : details.threadsWaitIn),
  ];
}

function socketNodes(process: Process, context: LookContext): LookNode[] {
  const own = context.sockets().filter(({ processes }) => processes.includes(process));
  const children = own
    .filter(({ protocol, path }) => protocol !== 'unix' || path !== undefined)
    .map((socket): LookNode => {
      const peer =
        isListening(socket) || socket.protocol === 'unix'
          ? ''
          : ` → ${formatAddress(socket.remoteAddress, socket.remotePort)}`;
      return {
        type: 'socket',
        text: `${socket.protocol} ${socket.state} ${describeLocal(socket)}${peer}`,
        children: [],
      };
    });
  return group('socket', children);
}

/** Regular files; devices, pipes and sockets are counted elsewhere. */
function fileNodes({ pid }: Process): LookNode[] {
  const paths = new Set(
    readDescriptors(pid)
      .map(({ target }) => target)
      .filter((target) => target.startsWith('/') && !target.startsWith('/dev/')),
  );
  return group(
    'open files',
    [...paths].map((text) => ({ type: 'file', text, children: [] })),
  );
}

export function childNodes(process: Process): LookNode[] {
  return process.children.slice(0, 200).map((child) => processNode(child));
}

/** A process and what is below it. */
export function processNode(process: Process): LookNode {
  const threads = process.threadCount > 1 ? `, ${process.threadCount} threads` : '';
  return {
    type: 'process',
    text: `process ${process.pid} ${commandText(process)}   ${process.user}, ${size(process.rssBytes)}${threads}`,
    children: process.children.filter((child) => child.container === process.container).map(processNode),
  };
}

function threadNodes(process: Process): LookNode[] {
  if (process.threadCount < 2) return [];
  const threads = readThreads(process) ?? [];
  return group(
    'thread',
    threads.map(({ tid, comm, state, userTicks, systemTicks }) => ({
      type: 'thread',
      text: `thread ${tid} ${comm} ${state} ${((userTicks + systemTicks) / 100).toFixed(2)} s`,
      children: [],
    })),
  );
}

const most = 40;

/** A heading with lines below it; a long list is cut and says so. */
export function group(noun: string, children: LookNode[], where = ''): LookNode[] {
  if (children.length === 0) return [];
  const rest = children.length - most;
  const shown =
    rest > 0 ? [...children.slice(0, most), { type: 'more', text: `… and ${rest} more`, children: [] }] : children;
  return [{ type: 'group', text: `${plural(children.length, noun)}${where}`, children: shown }];
}

/** '3 d', '4 h', '12 min', '30 s'. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
