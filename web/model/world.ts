import type {
  LiveContainer,
  LiveDelta,
  LiveHost,
  LiveObject,
  LiveProcess,
  LiveSnapshot,
} from '../../src/inspect/live-types.ts';
import { History } from './history.ts';

/** What the server has told, by id, with the ways between things that views need. */
export class World {
  host: LiveHost | undefined;
  /** Time of the last message, on the server's clock. */
  takenAtMs = 0;
  readonly objects = new Map<string, LiveObject>();
  readonly containers = new Map<string, LiveContainer>();
  readonly processes = new Map<string, LiveProcess>();
  /** CPU share (1: one processor) of processes, containers and threads over the last reading; absent: idle. */
  readonly cpu = new Map<string, number>();
  readonly history = new History();
  /** The ways below are made anew with each message. */
  ways: Ways = noWays();

  replace(snapshot: LiveSnapshot): void {
    this.objects.clear();
    this.containers.clear();
    this.processes.clear();
    this.cpu.clear();
    this.host = snapshot.host;
    this.#take(snapshot);
    this.takenAtMs = snapshot.takenAtMs;
    this.ways = findWays(this);
  }

  apply(delta: LiveDelta): void {
    const seconds = (delta.takenAtMs - this.takenAtMs) / 1000;
    this.cpu.clear();
    if (seconds > 0) this.#measure(delta, seconds);
    for (const id of delta.gone) {
      this.objects.delete(id);
      this.containers.delete(id);
      this.processes.delete(id);
      this.history.forget(id);
    }
    this.#take(delta);
    this.takenAtMs = delta.takenAtMs;
    this.ways = findWays(this);
    this.#remember();
  }

  #take({ objects, containers, processes }: Pick<LiveSnapshot, 'objects' | 'containers' | 'processes'>): void {
    for (const object of objects) this.objects.set(object.id, object);
    for (const container of containers) this.containers.set(container.id, container);
    for (const process of processes) this.processes.set(process.id, process);
  }

  /** What did not change used nothing: only what is in the delta has to be looked at. */
  #measure({ containers, processes }: LiveDelta, seconds: number): void {
    for (const next of processes) {
      const before = this.processes.get(next.id);
      if (!before) continue;
      this.#share(next.id, (next.cpuTicks - before.cpuTicks) / 100 / seconds);
      const ticks = new Map(before.threads.map((thread) => [thread[0], thread[3]]));
      for (const thread of next.threads) {
        const [tid, , , now] = thread;
        this.#share(threadId(thread), (now - (ticks.get(tid) ?? now)) / 100 / seconds);
      }
    }
    for (const next of containers) {
      const before = this.containers.get(next.id)?.use;
      if (before && next.use) this.#share(next.id, (next.use.cpuNanoseconds - before.cpuNanoseconds) / 1e9 / seconds);
    }
  }

  #share(id: string, share: number): void {
    if (share > 0) this.cpu.set(id, share);
  }

  #remember(): void {
    for (const { id, use } of this.containers.values())
      if (use) this.history.add(id, this.takenAtMs, this.cpu.get(id) ?? 0, use.workingSetBytes);
    for (const { id, rssBytes } of this.processes.values())
      this.history.add(id, this.takenAtMs, this.cpu.get(id) ?? 0, rssBytes);
    for (const [pod, containers] of this.ways.containersOf) {
      const used = containers.filter(({ use }) => use);
      if (used.length === 0) continue;
      const cpu = used.reduce((sum, { id }) => sum + (this.cpu.get(id) ?? 0), 0);
      const memory = used.reduce((sum, { use }) => sum + (use?.workingSetBytes ?? 0), 0);
      this.history.add(pod, this.takenAtMs, cpu, memory);
    }
  }
}

/** Names of a thread; the same tid may be used again later. */
export function threadId([tid, startTicks]: readonly [number, number, ...unknown[]]): string {
  return `t${tid}.${startTicks}`;
}

export interface Ways {
  /** Objects by the id of their controller. */
  ownedBy: Map<string, LiveObject[]>;
  containersOf: Map<string, LiveContainer[]>;
  processesOf: Map<string, LiveProcess[]>;
  /** Monitors by the id of the container that they watch. */
  monitorsOf: Map<string, LiveProcess[]>;
  /** Services by the id of a Pod that they select. */
  servicesOf: Map<string, LiveObject[]>;
  podsOnNode: Map<string, LiveObject[]>;
  nodesByName: Map<string, LiveObject>;
  /** Ids of processes by inode number of a namespace. */
  inNamespace: Map<number, LiveProcess[]>;
  processOfThread: Map<string, LiveProcess>;
}

function noWays(): Ways {
  return {
    ownedBy: new Map(),
    containersOf: new Map(),
    processesOf: new Map(),
    monitorsOf: new Map(),
    servicesOf: new Map(),
    podsOnNode: new Map(),
    nodesByName: new Map(),
    inNamespace: new Map(),
    processOfThread: new Map(),
  };
}

function findWays({ objects, containers, processes }: World): Ways {
  const ways = noWays();
  for (const object of objects.values()) {
    if (object.owner) push(ways.ownedBy, object.owner, object);
    if (object.kind === 'Pod' && object.node) push(ways.podsOnNode, object.node, object);
    if (object.kind === 'Node') ways.nodesByName.set(object.name, object);
    for (const pod of object.selects ?? []) push(ways.servicesOf, pod, object);
  }
  for (const container of containers.values()) if (container.pod) push(ways.containersOf, container.pod, container);
  for (const process of processes.values()) {
    if (process.container) push(ways.processesOf, process.container, process);
    if (process.watches) push(ways.monitorsOf, process.watches, process);
    for (const inode of Object.values(process.namespaces)) push(ways.inNamespace, inode, process);
    for (const thread of process.threads) ways.processOfThread.set(threadId(thread), process);
  }
  return ways;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
