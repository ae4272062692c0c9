import type { DaemonSet, DaemonSetStatus } from '../../api/generated/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { scaled } from '../deployment/plan-rollout.ts';
import { isAvailable, isReady } from '../pod-state.ts';
import { belongsOn, hashLabel, targetNode } from './daemon-pods.ts';

/** Which Pods a DaemonSet starts and stops (kubernetes pkg/controller/daemon/{daemon_controller,update}.go). Pure. */

export interface DaemonPlan {
  /** Names of nodes that get a Pod. */
  create: string[];
  remove: Pod[];
  /** Pods among `remove` that have ended. */
  ended: Pod[];
}

/** A node and the set's Pods on it. */
interface Place {
  name: string;
  run: boolean;
  goOn: boolean;
  pods: Pod[];
}

const isOld = (pod: Pod, hash: string) => pod.metadata.labels?.[hashLabel] !== hash;
const byAge = (a: Pod, b: Pod) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);

export function planDaemons(set: DaemonSet, nodes: Node[], pods: Pod[], hash: string, nowMs: number): DaemonPlan {
  const plan: DaemonPlan = { create: [], remove: [], ended: [] };
  const { places, elsewhere } = placesOf(set, nodes, pods);
  for (const place of places) planPlace(plan, place, set, hash, nowMs);
  plan.remove.push(...elsewhere.filter((pod) => !pod.metadata.deletionTimestamp));
  const steady = plan.create.length === 0 && plan.remove.length === 0;
  if (steady && set.spec.updateStrategy?.type !== 'OnDelete') planUpdate(plan, set, places, hash, nowMs);
  return plan;
}

function placesOf(set: DaemonSet, nodes: Node[], pods: Pod[]): { places: Place[]; elsewhere: Pod[] } {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const name = targetNode(pod) ?? '';
    byNode.set(name, [...(byNode.get(name) ?? []), pod]);
  }
  const places = nodes.map((node) => {
    const { name } = node.metadata;
    const place = { name, ...belongsOn(set, node), pods: byNode.get(name) ?? [] };
    byNode.delete(name);
    return place;
  });
  return { places, elsewhere: [...byNode.values()].flat().filter((pod) => !pod.spec.nodeName) };
}

function planPlace(plan: DaemonPlan, place: Place, set: DaemonSet, hash: string, nowMs: number): void {
  const alive = place.pods.filter((pod) => !pod.metadata.deletionTimestamp);
  if (!place.goOn) {
    plan.remove.push(...alive);
    return;
  }
  if (place.run && place.pods.length === 0) plan.create.push(place.name);
  const ended = alive.filter(({ status }) => status?.phase === 'Failed' || status?.phase === 'Succeeded');
  plan.ended.push(...ended);
  plan.remove.push(...ended);
  const running = alive.filter((pod) => !ended.includes(pod)).sort(byAge);
  if (limits(set, 1).surge === 0) {
    plan.remove.push(...running.slice(1));
    return;
  }
  // With surge an old and a new Pod may be there together, until the new one is available.
  const old = running.filter((pod) => isOld(pod, hash));
  const current = running.filter((pod) => !isOld(pod, hash));
  plan.remove.push(...old.slice(1), ...current.slice(1));
  const [newest] = current;
  if (old[0] && newest && isAvailable(newest, set.spec.minReadySeconds ?? 0, nowMs)) plan.remove.push(old[0]);
}

/** How many may be started beside the old ones, and how many may be missing, of `desired`. */
function limits(set: DaemonSet, desired: number): { surge: number; unavailable: number } {
  const { maxSurge = 0, maxUnavailable = 1 } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const surge = scaled(maxSurge, desired, Math.ceil);
  const unavailable = scaled(maxUnavailable, desired, Math.ceil);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

function planUpdate(plan: DaemonPlan, set: DaemonSet, places: Place[], hash: string, nowMs: number): void {
  const wanted = places.filter((place) => place.run);
  const { surge, unavailable: most } = limits(set, wanted.length);
  const available = (pod: Pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  let unavailable = 0;
  let surging = 0;
  const broken: Place[] = [];
  const candidates: Place[] = [];
  for (const place of wanted) {
    const alive = place.pods.filter((pod) => !pod.metadata.deletionTimestamp);
    const old = alive.find((pod) => isOld(pod, hash));
    const current = alive.find((pod) => !isOld(pod, hash));
    if (old && current) surging++;
    else if (!old && !(current && available(current))) unavailable++;
    else if (old && !available(old)) {
      unavailable++;
      broken.push(place);
    } else if (old) candidates.push(place);
  }
  if (surge > 0) {
    plan.create.push(...[...broken, ...candidates].slice(0, Math.max(0, surge - surging)).map(({ name }) => name));
    return;
  }
  const replaced = [...broken, ...candidates.slice(0, Math.max(0, most - unavailable))];
  for (const { pods } of replaced) plan.remove.push(...pods.filter((pod) => !pod.metadata.deletionTimestamp));
}

export function daemonSetStatus(
  set: DaemonSet,
  nodes: Node[],
  pods: Pod[],
  hash: string,
  nowMs: number,
): DaemonSetStatus {
  const { places } = placesOf(set, nodes, pods);
  const wanted = places.filter((place) => place.run);
  const shown = wanted.flatMap(
    ({ pods: there }) => [...there].sort((a, b) => Number(isReady(b)) - Number(isReady(a)) || byAge(a, b))[0] ?? [],
  );
  const numberAvailable = shown.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length;
  return {
    observedGeneration: set.metadata.generation,
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: shown.length,
    numberMisscheduled: places.filter((place) => !place.run && place.pods.length > 0).length,
    numberReady: shown.filter(isReady).length,
    updatedNumberScheduled: shown.filter((pod) => !isOld(pod, hash)).length || undefined,
    numberAvailable: numberAvailable || undefined,
    numberUnavailable: wanted.length - numberAvailable || undefined,
    collisionCount: set.status?.collisionCount,
    conditions: set.status?.conditions,
  };
}
