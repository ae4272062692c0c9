import type { Node, Pod } from '../api/generated/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { add, allocatableOf, hostPortsOf, nonZeroRequests, type Resources, requestsOf } from './resources.ts';

/** A node and what is on it, sums kept up to date Pod by Pod (kubernetes pkg/scheduler/framework/types.go NodeInfo). */
export interface NodeInfo {
  node: Node;
  pods: Map<string, Pod>;
  allocatable: Resources;
  requested: Resources;
  nonZero: { cpu: number; memory: number };
  /** How many Pods hold each host port. */
  ports: Map<string, number>;
}

/** The cluster as the scheduler sees it: bound Pods, and those that it has just bound itself. */
export class ClusterSnapshot {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Node name by Pod key, for every Pod that is counted somewhere. */
  readonly #placed = new Map<string, { node: string; pod: Pod }>();

  nodes(): NodeInfo[] {
    return [...this.#nodes.values()].filter((info) => info.node.metadata.name !== '');
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Node): void {
    const info = this.#info(node.metadata.name);
    info.node = node;
    info.allocatable = allocatableOf(node);
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
  }

  /** Counts the Pod on its node; one that has finished no longer takes anything. */
  setPod(pod: Pod): void {
    const key = keyOf(pod);
    const before = this.#placed.get(key);
    const finished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (before && before.node === pod.spec.nodeName && !finished && before.pod.metadata.uid === pod.metadata.uid) {
      // Requests and ports do not change but by resize: the cheap way out for status writes.
      if (before.pod.metadata.generation === pod.metadata.generation) {
        before.pod = pod;
        this.#nodes.get(before.node)?.pods.set(key, pod);
        return;
      }
    }
    this.removePod(key);
    if (!pod.spec.nodeName || finished) return;
    this.#placed.set(key, { node: pod.spec.nodeName, pod });
    count(this.#info(pod.spec.nodeName), key, pod, 1);
  }

  removePod(key: string): void {
    const placed = this.#placed.get(key);
    if (!placed) return;
    this.#placed.delete(key);
    const info = this.#nodes.get(placed.node);
    if (info?.pods.has(key)) count(info, key, placed.pod, -1);
  }

  #info(name: string): NodeInfo {
    let info = this.#nodes.get(name);
    if (!info) {
      info = {
        // Pods may be known before their node is.
        node: {
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: '', uid: '', resourceVersion: '', creationTimestamp: '' },
          spec: {},
        },
        pods: new Map(),
        allocatable: new Map(),
        requested: new Map(),
        nonZero: { cpu: 0, memory: 0 },
        ports: new Map(),
      };
      this.#nodes.set(name, info);
    }
    return info;
  }
}

/** The node without some of its Pods: what preemption tries. */
export function withoutPods(info: NodeInfo, victims: Iterable<Pod>): NodeInfo {
  const copy: NodeInfo = {
    ...info,
    pods: new Map(info.pods),
    requested: new Map(info.requested),
    nonZero: { ...info.nonZero },
    ports: new Map(info.ports),
  };
  for (const victim of victims) count(copy, keyOf(victim), victim, -1);
  return copy;
}

/** The node with more Pods: those that will be there before this one. */
export function withPods(info: NodeInfo, guests: Iterable<Pod>): NodeInfo {
  const copy = withoutPods(info, []);
  for (const guest of guests) count(copy, keyOf(guest), guest, 1);
  return copy;
}

function count(info: NodeInfo, key: string, pod: Pod, sign: 1 | -1): void {
  if (sign > 0) info.pods.set(key, pod);
  else info.pods.delete(key);
  add(info.requested, requestsOf(pod), sign);
  const { cpu, memory } = nonZeroRequests(pod);
  info.nonZero.cpu += sign * cpu;
  info.nonZero.memory += sign * memory;
  for (const port of hostPortsOf(pod)) {
    const left = (info.ports.get(port) ?? 0) + sign;
    if (left > 0) info.ports.set(port, left);
    else info.ports.delete(port);
  }
}
