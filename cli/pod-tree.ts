import type { ContainerStatus } from '../src/api/generated/core-v1.ts';
import { describeRestarts, describeStopped, statusesOf, unscheduledMessage } from '../src/inspect/pod-phase.ts';
import { printable } from '../src/inspect/printable.ts';
import { forest } from '../src/inspect/select-processes.ts';
import { size } from '../src/inspect/size.ts';
import {
  type CgroupUse,
  type Container,
  type Namespace,
  type PodEntry,
  type Process,
  readThreads,
  type Snapshot,
  type Thread,
} from '../src/inspect/snapshot.ts';
import type { TextNode } from './box-tree.ts';
import { describeObject } from './describe-object.ts';
import { commandLine, cpuTime } from './process-columns.ts';
import type { Style } from './style.ts';

export interface PodTreeOptions {
  snapshot: Snapshot;
  style: Style;
  /** One line for each thread, not for each name. */
  everyThread: boolean;
}

/** A Pod down to its threads. */
export function podTree(pod: PodEntry, options: PodTreeOptions): TextNode {
  const running = pod.containers.map((container) => containerTree(container, options));
  const others = statusesOf(pod.object)
    .filter(({ name }) => !pod.containers.some((container) => container.name === name))
    .map((status) => ({ text: stoppedText(status, options.style), children: [] }));
  const unscheduled = unscheduledMessage(pod.object);
  const reason = unscheduled ? [{ text: options.style.warn(printable(unscheduled)), children: [] }] : [];
  return { text: describeObject(pod.object, options.style), children: [...reason, ...running, ...others] };
}

function stoppedText(status: ContainerStatus, style: Style): string {
  const paint = status.state?.terminated?.exitCode === 0 ? style.dim : style.warn;
  return `${style.kind('Container')} ${style.name(status.name)}   ${paint(describeStopped(status))}`;
}

function containerTree(container: Container, options: PodTreeOptions): TextNode {
  const { snapshot, style } = options;
  const status = container.pod && statusesOf(container.pod.object).find(({ name }) => name === container.name);
  const facts = [
    ...(container.image ? [container.image] : []),
    `${container.runtime}://${container.id.slice(0, 12)}`,
    ...(container.monitor ? [`${container.monitor.comm} ${container.monitor.pid}`] : []),
  ];
  const title = `${style.kind('Container')} ${style.name(container.name ?? container.id.slice(0, 12))}`;
  const children: TextNode[] = [];
  const reading = container.cgroup ? snapshot.readCgroup(container.cgroup) : undefined;
  if (container.cgroup)
    children.push({
      text: `${style.kind('cgroup')} ${container.cgroup}`,
      children: reading ? [{ text: describeReading(reading), children: [] }] : [],
    });
  if (container.first) children.push({ text: describeNamespaces(container.first, options), children: [] });
  children.push(...processTrees(container.processes, options));
  if (container.processes.length === 0) children.push({ text: style.warn('no process'), children: [] });
  return { text: `${title}   ${facts.join(', ')}${describeRestarts(status?.restartCount ?? 0)}`, children };
}

function describeReading(reading: CgroupUse): string {
  const { memoryLimitBytes, cpuLimit, cpuShares, pidsLimit, throttledNanoseconds, oomKills } = reading;
  const of = (limit: string | undefined) => (limit === undefined ? ' (no limit)' : ` of ${limit}`);
  return [
    `memory ${size(reading.memoryBytes)}${of(memoryLimitBytes === undefined ? undefined : size(memoryLimitBytes))}`,
    `cpu ${(reading.cpuNanoseconds / 1e9).toFixed(2)} s used`,
    cpuLimit === undefined ? 'no cpu limit' : `cpu limit ${cpuLimit}`,
    ...(cpuShares === undefined ? [] : [`shares ${cpuShares}`]),
    ...(throttledNanoseconds > 0 ? [`throttled ${(throttledNanoseconds / 1e9).toFixed(2)} s`] : []),
    `pids ${reading.pids}${of(pidsLimit === undefined ? undefined : String(pidsLimit))}`,
    ...(oomKills > 0 ? [`OOM kills ${oomKills}`] : []),
  ].join(', ');
}

type Sharing = 'own' | 'pod' | 'others' | 'host';

/** Its own namespaces, those it shares with other containers of its Pod or with others, those of the host. */
function describeNamespaces(process: Process, { snapshot, style }: PodTreeOptions): string {
  const groups: Record<Sharing, string[]> = { own: [], pod: [], others: [], host: [] };
  for (const [kind, inode] of Object.entries(process.namespaces))
    groups[sharing(snapshot.namespaces.get(inode))].push(`${kind} ${inode}`);
  const parts = [
    groups.own.join(', '),
    groups.pod.length > 0 && `shared in the Pod: ${groups.pod.join(', ')}`,
    groups.others.length > 0 && `shared with others: ${groups.others.join(', ')}`,
    groups.host.length > 0 && style.dim(`of the host: ${groups.host.join(', ')}`),
  ];
  return `${style.kind('namespaces')} ${parts.filter(Boolean).join('; ')}`;
}

function sharing(namespace: Namespace | undefined): Sharing {
  if (namespace?.host) return 'host';
  const containers = [...(namespace?.containers ?? [])];
  if (containers.length < 2) return 'own';
  return containers.every(({ podUid }) => podUid === containers[0]?.podUid) ? 'pod' : 'others';
}

function processTrees(processes: Process[], options: PodTreeOptions): TextNode[] {
  const nodes = new Map<Process, TextNode>();
  const roots: TextNode[] = [];
  for (const { process } of forest(processes)) {
    const node = { text: describeProcess(process, options.style), children: threadNodes(process, options) };
    nodes.set(process, node);
    const siblings = (process.parent && nodes.get(process.parent)?.children) ?? roots;
    siblings.push(node);
  }
  return roots;
}

function describeProcess(process: Process, style: Style): string {
  const { pid, user, rssBytes, userTicks, systemTicks } = process;
  const facts = `${user}, ${size(rssBytes)} RSS, ${cpuTime((userTicks + systemTicks) / 100)}`;
  const marks = [...(enteredByExec(process) ? [style.kind('(exec)')] : []), ...stateMark(process, style)];
  const command = [commandLine(process), ...marks].join(' ');
  return `${style.kind('process')} ${style.name(String(pid))} ${command}   ${style.dim(facts)}`;
}

/** It came from outside after the first one. An orphan's new parent, in contrast, is in the same Pod. */
function enteredByExec({ role, parent, container }: Process): boolean {
  return role !== 'first' && container !== undefined && parent?.container?.podUid !== container.podUid;
}

/** States that nobody wishes for. Zombies are marked by their command. */
function stateMark({ state }: Process, style: Style): string[] {
  if (state === 'D') return [style.warn('(uninterruptible)')];
  return state === 'T' || state === 't' ? [style.warn('(stopped)')] : [];
}

/** Nothing for a single thread: it is the process. */
function threadNodes(process: Process, { style, everyThread }: PodTreeOptions): TextNode[] {
  if (process.threadCount === 1) return [];
  const threads = process.threads ?? readThreads(process);
  if (!threads || threads.length < 2) return [];
  // What is listed is what is counted.
  process.threads = threads;
  process.threadCount = threads.length;
  if (everyThread)
    return threads.map(({ tid, comm, state }) => ({
      text: `${style.kind('thread')} ${tid} ${printable(comm)} ${style.dim(state)}`,
      children: [],
    }));
  return [{ text: `${style.kind(`${threads.length} threads`)} ${threadNames(threads)}`, children: [] }];
}

/** 'httpd 4220-4246, main 4250 4252-4254': the tids by thread name. */
export function threadNames(threads: Pick<Thread, 'tid' | 'comm'>[]): string {
  const byName = new Map<string, number[]>();
  for (const { tid, comm } of threads) byName.set(comm, [...(byName.get(comm) ?? []), tid]);
  return [...byName].map(([name, tids]) => `${printable(name)} ${ranges(tids)}`).join(', ');
}

function ranges(numbers: number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const result: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (sorted[end + 1] === sorted[end]! + 1) end++;
    result.push(end === i ? String(sorted[i]) : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return result.join(' ');
}
