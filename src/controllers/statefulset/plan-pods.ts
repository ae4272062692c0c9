import type { StatefulSet, StatefulSetStatus } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { scaled } from '../deployment/plan-rollout.ts';
import { isAvailable, isReady, isTerminated, untilAvailableMs } from '../pod-state.ts';
import { ordinalOf, revisionLabel } from './identity.ts';

/** What a StatefulSet does next (kubernetes pkg/controller/statefulset/stateful_set_control.go updateStatefulSet). Pure. */

export interface StatefulPlan {
  /** Pods to create, lowest ordinal first, with the name of their revision. */
  create: { ordinal: number; revision: string }[];
  remove: { pod: Pod; why: 'ended' | 'scaled down' | 'updated' }[];
  /** A Pod becomes available after so many milliseconds. */
  afterMs: number | undefined;
}

export interface Revisions {
  current: string;
  update: string;
}

/** Pods by ordinal that the set wants, and those beyond it, highest first. */
export function sortPods(set: StatefulSet, pods: Pod[]): { wanted: (Pod | undefined)[]; condemned: Pod[] } {
  const start = set.spec.ordinals?.start ?? 0;
  const wanted = new Array<Pod | undefined>(set.spec.replicas ?? 1).fill(undefined);
  const condemned: Pod[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined) continue;
    const place = ordinal - start;
    if (place >= 0 && place < wanted.length) wanted[place] = pod;
    else condemned.push(pod);
  }
  condemned.sort((a, b) => (ordinalOf(set, b) ?? 0) - (ordinalOf(set, a) ?? 0));
  return { wanted, condemned };
}

export function planStatefulPods(set: StatefulSet, pods: Pod[], revisions: Revisions, nowMs: number): StatefulPlan {
  const plan: StatefulPlan = { create: [], remove: [], afterMs: undefined };
  const { wanted, condemned } = sortPods(set, pods);
  if (planReplicas(plan, set, wanted, revisions, nowMs)) return plan;
  if (planCondemned(plan, set, condemned, wanted, nowMs)) return plan;
  if (set.spec.updateStrategy?.type !== 'OnDelete') planUpdate(plan, set, wanted, revisions, nowMs);
  return plan;
}

const isOrdered = (set: StatefulSet) => set.spec.podManagementPolicy !== 'Parallel';
const isTerminating = (pod: Pod) => !!pod.metadata.deletionTimestamp;
const isRunningAndReady = (pod: Pod) => pod.status?.phase === 'Running' && isReady(pod);

function isHealthy(set: StatefulSet, pod: Pod, nowMs: number): boolean {
  return isRunningAndReady(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs) && !isTerminating(pod);
}

/** True when the rest has to wait: in order, each Pod must be there and available before the next is looked at. */
function planReplicas(
  plan: StatefulPlan,
  set: StatefulSet,
  wanted: (Pod | undefined)[],
  revisions: Revisions,
  nowMs: number,
): boolean {
  const start = set.spec.ordinals?.start ?? 0;
  for (const [i, pod] of wanted.entries()) {
    if (!pod) plan.create.push({ ordinal: start + i, revision: revisionFor(set, i, revisions) });
    else if (isTerminated(pod)) {
      if (!isTerminating(pod)) plan.remove.push({ pod, why: 'ended' });
      return true;
    } else {
      const leftMs = untilAvailableMs(pod, set.spec.minReadySeconds ?? 0, nowMs);
      if (leftMs) plan.afterMs = Math.min(plan.afterMs ?? leftMs, leftMs);
      if (isHealthy(set, pod, nowMs)) continue;
    }
    if (isOrdered(set)) return true;
  }
  return false;
}

/** Below the partition, and while the roll-out has not come so far, Pods are made from the current revision. */
function revisionFor(set: StatefulSet, place: number, { current, update }: Revisions): string {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return update;
  return place < (rollingUpdate?.partition ?? set.status?.currentReplicas ?? 0) ? current : update;
}

function planCondemned(
  plan: StatefulPlan,
  set: StatefulSet,
  condemned: Pod[],
  wanted: (Pod | undefined)[],
  nowMs: number,
): boolean {
  const lowest = (pods: (Pod | undefined)[]) => pods.find((pod) => pod && !isHealthy(set, pod, nowMs));
  const firstUnhealthy = lowest(wanted) ?? lowest([...condemned].reverse());
  for (const pod of condemned) {
    if (isTerminating(pod)) {
      if (isOrdered(set)) return true;
      continue;
    }
    if (isOrdered(set) && !isRunningAndReady(pod) && pod !== firstUnhealthy) return true;
    plan.remove.push({ pod, why: 'scaled down' });
    if (isOrdered(set)) return true;
  }
  return false;
}

/** From the highest ordinal down to the partition, as many at once as may be unavailable: one, if nothing is said. */
function planUpdate(
  plan: StatefulPlan,
  set: StatefulSet,
  wanted: (Pod | undefined)[],
  { update }: Revisions,
  nowMs: number,
): void {
  const { partition = 0, maxUnavailable } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const most = maxUnavailable === undefined ? 1 : Math.max(1, scaled(maxUnavailable, wanted.length, Math.ceil));
  let unavailable = wanted.filter((pod) => !pod || !isHealthy(set, pod, nowMs)).length;
  for (let i = wanted.length - 1; i >= partition; i--) {
    const pod = wanted[i];
    const old = pod && !isTerminating(pod) && pod.metadata.labels?.[revisionLabel] !== update;
    if (!old) {
      // What was updated must be well before the next one goes.
      if (most === 1 && (!pod || !isHealthy(set, pod, nowMs))) return;
      continue;
    }
    const healthy = isHealthy(set, pod, nowMs);
    if (healthy && unavailable >= most && most > 1) return;
    plan.remove.push({ pod, why: 'updated' });
    if (healthy) unavailable++;
    if (most === 1) return;
  }
}

export function statefulSetStatus(
  set: StatefulSet,
  pods: Pod[],
  revisions: Revisions,
  nowMs: number,
): StatefulSetStatus {
  const created = pods.filter((pod) => pod.status?.phase && ordinalOf(set, pod) !== undefined);
  const count = (test: (pod: Pod) => boolean) => created.filter(test).length;
  const ofRevision = (name: string) =>
    count((pod) => !isTerminating(pod) && pod.metadata.labels?.[revisionLabel] === name);
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation,
    replicas: created.length,
    readyReplicas: count(isRunningAndReady) || undefined,
    availableReplicas: count((pod) => isRunningAndReady(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)),
    currentReplicas: ofRevision(revisions.current) || undefined,
    updatedReplicas: ofRevision(revisions.update) || undefined,
    currentRevision: revisions.current,
    updateRevision: revisions.update,
    collisionCount: set.status?.collisionCount ?? 0,
    conditions: set.status?.conditions,
  };
  const done = status.updatedReplicas === status.replicas && status.readyReplicas === status.replicas;
  if (done && set.spec.updateStrategy?.type !== 'OnDelete') {
    status.currentReplicas = status.updatedReplicas;
    status.currentRevision = revisions.update;
  }
  return status;
}
