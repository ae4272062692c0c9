import { statSync } from 'node:fs';
import type { Node } from '../../api/generated/core-v1.ts';
import { isCritical } from '../critical-pod.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodRecord } from '../pod-record.ts';
import { measurePods } from './measure-pods.ts';
import { evictedReason, evictionMessage } from './messages.ts';
import { observeSignals } from './observe.ts';
import {
  calm,
  type EvictionState,
  isClose,
  isCrossed,
  type Observations,
  planEviction,
  type Reclaim,
} from './plan-eviction.ts';
import { hasLocalStorageLimit, localStorageExcess } from './plan-local-storage.ts';
import type { PodUsage } from './pod-usage.ts';
import { rankPods } from './rank-pods.ts';
import type { Pressure } from './thresholds.ts';

/** The kubelet's evictionMonitoringPeriod. */
const lookMs = 10_000;
/** While a threshold is close: a leak can fill what is left in less than the period. */
const closeLookMs = 1000;
/** How long an evicted Pod is waited for before the next look (podCleanupTimeout). */
const cleanupMs = 30_000;
/** A Pod that has to go at once still gets this long (immediateEvictionGracePeriodSeconds). */
const immediateGraceSeconds = 1;

/** A walk through large directories is followed by a pause so many times as long, so that it never costs much. */
const walkPause = 20;
const mostWalkPauseMs = 120_000;

interface Parts {
  node: NodeContext;
  /** The Node as the API has it, for Events. */
  self(): Pick<Node, 'metadata'> | undefined;
  records(): PodRecord[];
  wake(uid: string): void;
  /** Called when the pressures have changed. */
  changed(): void;
  /** Removes unused images and dead containers. */
  reclaimDisk(): Promise<void>;
  /** What is free on the node. @default observeSignals */
  observe?(): Promise<Observations>;
}

/** Watches what the node has left, and ends Pods before it has nothing (kubelet eviction/eviction_manager.go). */
export class EvictionManager {
  readonly #parts: Parts;
  /** What the last look found. */
  #state: EvictionState = calm;
  /** The node's pressures as of the last look. */
  #pressures: readonly Pressure[] = [];
  /** A threshold was close at the last look. */
  #close = false;
  /** Pods' directories are not walked through again before. */
  #walkAgainMs = 0;
  /** Cancels the next look. */
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get pressures(): readonly Pressure[] {
    return this.#pressures;
  }

  start(): void {
    void this.#loop();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #loop(): Promise<void> {
    const { node } = this.#parts;
    let evicted: PodRecord[] = [];
    try {
      evicted = await this.look();
    } catch (error) {
      node.log.warn('cannot look for what the node has left', { error });
    }
    if (this.#stopped) return;
    if (evicted.length > 0) await this.#untilFinished(evicted);
    const pauseMs = evicted.length > 0 ? 0 : this.#close ? closeLookMs : lookMs;
    this.#cancel = node.clock.after(pauseMs, () => void this.#loop());
  }

  /**
   * One look (synchronize): 1. what is free, and what that means, 2. Pods above their own storage limits, 3. images and
   * dead containers, 4. one Pod, the first in rank. Resolves with the Pods that were evicted.
   */
  async look(): Promise<PodRecord[]> {
    const { node } = this.#parts;
    const observations = await this.#observe();
    const plan = planEviction(node.configuration, this.#state, observations, node.clock.steady());
    this.#close = isClose(node.configuration.thresholds, observations);
    this.#state = plan.state;
    this.#setPressures(plan.pressures);

    const active = this.#active();
    const limited = await this.#evictAboveLimits(active);
    if (limited.length > 0 || !plan.reclaim) return limited;

    const { reclaim } = plan;
    const self = this.#parts.self();
    const text = `Attempting to reclaim ${reclaim.resource}`;
    if (self) node.events.event(self as Node, 'Warning', 'EvictionThresholdMet', text);
    if (await this.#reclaimNode(reclaim)) return [];
    return this.#evictOne(reclaim, active);
  }

  #observe(): Promise<Observations> {
    return this.#parts.observe?.() ?? observeSignals(this.#parts.node);
  }

  #setPressures(pressures: Pressure[]): void {
    const before = this.#pressures;
    this.#pressures = pressures;
    if (before.length !== pressures.length || pressures.some((one) => !before.includes(one))) this.#parts.changed();
  }

  /** Pods that have something running, and are not on their way out. */
  #active(): PodRecord[] {
    return this.#parts.records().filter((record) => {
      const { sandbox, finished, failure, terminating } = record;
      return sandbox !== undefined && !finished && !failure && !terminating;
    });
  }

  async #evictAboveLimits(active: PodRecord[]): Promise<PodRecord[]> {
    const limited = active.filter(hasLocalStorageLimit);
    if (limited.length === 0) return [];
    const { clock } = this.#parts.node;
    const beganMs = clock.steady();
    if (beganMs < this.#walkAgainMs) return [];
    const usages = await measurePods(this.#parts.node, limited, { disk: true });
    this.#walkAgainMs = clock.steady() + Math.min(mostWalkPauseMs, walkPause * (clock.steady() - beganMs));
    return limited.filter((record, index) => {
      const message = localStorageExcess(usages[index] as PodUsage);
      return message !== undefined && this.#evict(record, message, immediateGraceSeconds, 'localstorage.limit');
    });
  }

  /** Frees what no Pod needs; true if that was enough. */
  async #reclaimNode({ resource }: Reclaim): Promise<boolean> {
    if (resource !== 'ephemeral-storage' && resource !== 'inodes') return false;
    await this.#parts.reclaimDisk();
    const observations = await this.#observe();
    return !this.#parts.node.configuration.thresholds.some((threshold) => isCrossed(threshold, observations));
  }

  /** At most one Pod a look: the next look sees what that has brought. */
  async #evictOne(reclaim: Reclaim, active: PodRecord[]): Promise<PodRecord[]> {
    const { node } = this.#parts;
    const { resource, threshold } = reclaim;
    // Pods keep nothing on a file system that holds images alone (KEP-4191).
    if (threshold.signal.startsWith('imagefs') && imagesApart(node.paths)) return [];
    const disk = resource === 'ephemeral-storage' || resource === 'inodes';
    const usages = await measurePods(node, active, { disk });
    const hard = threshold.graceMs === 0;
    for (const usage of rankPods(resource, usages)) {
      const record = active[usages.indexOf(usage)] as PodRecord;
      const own = record.pod.spec.terminationGracePeriodSeconds ?? 30;
      const grace = hard ? immediateGraceSeconds : Math.min(own, node.configuration.evictionMaxPodGraceSeconds);
      if (this.#evict(record, evictionMessage(reclaim, usage), grace, threshold.signal)) return [record];
    }
    node.log.warn('cannot evict any pod', { resource });
    return [];
  }

  /** False for a Pod without which the node cannot do. */
  #evict(record: PodRecord, message: string, graceSeconds: number, signal: string): boolean {
    const { node, wake } = this.#parts;
    const { pod } = record;
    if (record.failure || record.terminating) return false;
    if (isCritical(pod)) {
      node.log.warn('cannot evict a critical pod', { pod: pod.metadata.name });
      return false;
    }
    node.evictions.set(signal, (node.evictions.get(signal) ?? 0) + 1);
    node.events.event(pod, 'Warning', evictedReason, message);
    record.failure = { reason: evictedReason, message, graceSeconds: Math.max(0, graceSeconds), disruption: true };
    wake(record.uid);
    return true;
  }

  async #untilFinished(records: PodRecord[]): Promise<void> {
    const { clock } = this.#parts.node;
    const deadline = clock.steady() + cleanupMs;
    while (!this.#stopped && clock.steady() < deadline && records.some(({ finished, gone }) => !finished && !gone))
      await new Promise<void>((resolve) => void clock.after(100, resolve));
  }
}

/** Whether the image store has a file system of its own. */
const imagesApart = ({ images, state }: NodeContext['paths']): boolean => statSync(images).dev !== statSync(state).dev;
