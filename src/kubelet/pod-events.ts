import { isDeepStrictEqual } from 'node:util';
import type { Node, Pod } from '../api/generated/core-v1.ts';
import { withoutAppArmor } from '../linux/apparmor.ts';
import type { Container, Sandbox } from '../runtime/runtime.ts';
import { admitPod, type NodeUse } from './admit-pod.ts';
import type { Pressure } from './eviction/thresholds.ts';
import { podUidOf } from './labels.ts';
import { type NodeContext, podFacts } from './node-context.ts';
import { podDirs } from './pod-files.ts';
import { type PodFailure, PodRecord } from './pod-record.ts';
import type { PodWorkers } from './pod-workers.ts';
import { removeRemains } from './remove-pod-dirs.ts';

/** What the kubelet knows of the node that it runs on. */
interface OwnNode {
  /** The Node as it is known. */
  self: () => Pick<Node, 'metadata' | 'status'>;
  /** Asks the API for it. */
  refreshSelf: () => Promise<void>;
  /** What the node is short of. */
  pressures: () => readonly Pressure[];
  shuttingDown: () => boolean;
}

/** Turns what the API, the runtime and other objects say into records and wakes. */
export class PodEvents {
  readonly #node: NodeContext;
  readonly #workers: PodWorkers;
  readonly #self: () => Pick<Node, 'metadata' | 'status'>;
  readonly #refreshSelf: () => Promise<void>;
  readonly #shuttingDown: () => boolean;
  readonly #pressures: () => readonly Pressure[];
  /** Sandboxes and containers found at the start, by Pod UID, until their Pod turns up. */
  readonly #found = new Map<string, { sandboxes: Sandbox[]; containers: Container[] }>();

  constructor(node: NodeContext, workers: PodWorkers, { self, refreshSelf, pressures, shuttingDown }: OwnNode) {
    this.#node = node;
    this.#workers = workers;
    this.#self = self;
    this.#refreshSelf = refreshSelf;
    this.#pressures = pressures;
    this.#shuttingDown = shuttingDown;
  }

  /** Notes what runs already. */
  adopt(): void {
    const of = (uid: string) => {
      const found = this.#found.get(uid) ?? { sandboxes: [], containers: [] };
      this.#found.set(uid, found);
      return found;
    };
    for (const sandbox of this.#node.runtime.sandboxes()) of(podUidOf(sandbox.spec.labels)).sandboxes.push(sandbox);
    for (const container of this.#node.runtime.containers()) of(podUidOf(container.labels)).containers.push(container);
    this.#found.delete('');
  }

  added(pod: Pod): void {
    const { uid } = pod.metadata;
    if (this.#workers.get(uid)) {
      this.#workers.update(uid, pod);
      return;
    }
    const record = new PodRecord(pod, this.#node.clock.now());
    this.#restore(record);
    if (!record.admitted && !record.terminating) this.#admit(record);
    this.#workers.add(record);
  }

  updated(pod: Pod, previous: Pod): void {
    const { uid } = pod.metadata;
    const record = this.#workers.get(uid);
    if (!record) {
      this.added(pod);
      return;
    }
    const ended = this.#node.status.observe(pod);
    const change = changeOf(pod, previous);
    if (ended || change.work || change.metadata) this.#workers.update(uid, pod);
    else record.pod = pod;
    if (change.metadata) this.refreshVolumes([uid]);
  }

  deleted(pod: Pod): void {
    this.#workers.remove(pod.metadata.uid);
  }

  /** A ConfigMap, Secret or token has changed: rewrite volumes, and start what waited for it. */
  refreshVolumes(uids: string[]): void {
    for (const uid of uids) {
      const record = this.#workers.get(uid);
      if (!record || record.terminating) continue;
      const dirs = podDirs(this.#node.paths, record.pod);
      this.#node.volumes.refresh(record.pod, dirs, podFacts(this.#node, record)).catch((error: unknown) => {
        this.#node.log.warn('cannot refresh volumes', { pod: record.pod.metadata.name, error });
      });
      this.#workers.wake(uid);
    }
  }

  /** All Pods of the API are known: what was found and belongs to none is cleaned away. */
  async removeOrphans(): Promise<void> {
    const isKnown = (uid: string) => this.#workers.get(uid) !== undefined;
    for (const uid of [...this.#found.keys()]) {
      const found = this.#found.get(uid)!;
      const labels = found.sandboxes[0]?.spec.labels ?? found.containers[0]?.labels ?? {};
      const record = new PodRecord(orphan(uid, labels), this.#node.clock.now());
      this.#restore(record);
      record.gone = true;
      this.#workers.add(record);
    }
    try {
      // Only their drivers can take these volumes away, which may have to come up first.
      for (const uid of await this.#node.volumes.podsWithDrivers()) {
        if (isKnown(uid)) continue;
        const record = new PodRecord(orphan(uid, {}), this.#node.clock.now());
        record.gone = true;
        this.#workers.add(record);
      }
      await removeRemains(this.#node.linux, this.#node.paths, isKnown);
      await this.#node.volumes.removeUnused();
    } catch (error) {
      this.#node.log.warn('cannot remove what pods that are gone have left', { error });
    }
  }

  #restore(record: PodRecord): void {
    const found = this.#found.get(record.uid);
    if (!found) return;
    this.#found.delete(record.uid);
    record.sandbox = found.sandboxes.toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
    record.adopt(found.containers);
    const address = record.sandbox && this.#node.network.address(record.sandbox.spec.id);
    if (address) record.podIPs = [address.ip];
    else if (record.pod.spec.hostNetwork) record.podIPs = [this.#node.nodeAddress];
  }

  #admit(record: PodRecord): void {
    const failure = this.#check(record);
    record.admitted = true;
    if (failure?.reason !== 'NodeAffinity') {
      this.#reject(record, failure);
      return;
    }
    // The scheduler may have seen labels that we do not know yet (kubelet predicates getNodeAnyWay).
    record.admission = this.#refreshSelf()
      .then(
        () => this.#reject(record, this.#check(record)),
        () => this.#reject(record, failure),
      )
      .then(() => {
        record.admission = undefined;
      });
  }

  #check(record: PodRecord): PodFailure | undefined {
    const { phase } = record.pod.status ?? {};
    if (phase === 'Failed' || phase === 'Succeeded') return undefined;
    return admitPod(record.pod, this.use(record));
  }

  /** What the node has promised to its other Pods, and what it allows. */
  use(record: PodRecord): NodeUse {
    const counts = (one: PodRecord) => one !== record && !one.gone && !one.failure && !one.finished && one.admitted;
    const others = this.#workers.records().filter(counts);
    const { allowedUnsafeSysctls } = this.#node.configuration.settings;
    return {
      ...{ pods: others.map(({ allocatedPod }) => allocatedPod), node: this.#self(), pressures: this.#pressures() },
      ...{ allowedUnsafeSysctls, withoutAppArmor: withoutAppArmor(), shuttingDown: this.#shuttingDown() },
    };
  }

  #reject(record: PodRecord, failure: PodFailure | undefined): void {
    if (!failure) return;
    record.failure = failure;
    this.#node.events.event(record.pod, 'Warning', failure.reason, failure.message.replace(/^Pod was rejected: /, ''));
  }
}

/**
 * What a change of a Pod's object means for the node: `work`, its containers may have to change; `metadata`, files of
 * downwardAPI volumes may. Our own status writes mean neither. Pure.
 */
export function changeOf(pod: Pod, previous: Pod): { work: boolean; metadata: boolean } {
  const [now, before] = [pod.metadata, previous.metadata];
  const gates = pod.spec.readinessGates?.map(({ conditionType }) => conditionType) ?? [];
  const ofGates = (one: Pod) => one.status?.conditions?.filter(({ type }) => gates.includes(type));
  return {
    work:
      now.deletionTimestamp !== before.deletionTimestamp ||
      now.deletionGracePeriodSeconds !== before.deletionGracePeriodSeconds ||
      now.generation !== before.generation ||
      !same(pod.spec, previous.spec) ||
      (gates.length > 0 && !same(ofGates(pod), ofGates(previous))),
    metadata: !same(now.labels, before.labels) || !same(now.annotations, before.annotations),
  };
}

/** Text first, which is quick and nearly always decides; clients may write fields in another order. */
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b) || isDeepStrictEqual(a, b);

/** A Pod made from the labels of what it left behind. */
function orphan(uid: string, labels: Record<string, string>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      uid,
      name: labels['io.kubernetes.pod.name'] ?? uid,
      namespace: labels['io.kubernetes.pod.namespace'] ?? 'default',
      resourceVersion: '',
      creationTimestamp: '',
    },
    spec: { containers: [] },
  };
}
