import type { ControllerRevision, DaemonSet } from '../../api/generated/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { controllerOf, keyOf } from '../../api/object.ts';
import { daemonSets, nodes, pods } from '../../api/resource.ts';
import { Backoff } from '../../base/backoff.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { claim } from '../claim.ts';
import { Expectations } from '../expectations.ts';
import { controllerRevisions, createHistory } from '../history.ts';
import { createPodControl, isNamespaceTerminating, slowStart } from '../pod-control.ts';
import { isActive, untilAvailableMs } from '../pod-state.ts';
import { byControllerUid } from '../replicaset.ts';
import { sameStatus } from '../same-status.ts';
import { daemonTemplate, hashLabel, targetNode } from './daemon-pods.ts';
import { type DaemonPlan, daemonSetStatus, planDaemons } from './plan-daemons.ts';

/** At most so many Pods are created or deleted in one go (BurstReplicas). */
const burst = 250;

/** Runs one Pod on every node that its template fits (kubernetes pkg/controller/daemon). */
export function daemonSetController(context: ControllerContext): Controller {
  const { client, informers, events, clock } = context;
  const all = informers.informer(daemonSets);
  const allNodes = informers.informer(nodes);
  const allPods = informers.informer(pods, { indexes: byControllerUid });
  const history = createHistory(context);
  const podControl = createPodControl(context);
  const expectations = new Expectations(clock);
  /** Delays the replacement of Pods that fail again and again, by set and node. */
  const failures = new Backoff(clock, { initialMs: 1000, maxMs: 15 * 60 * 1000 });

  const keyOfOwner = (pod: Pod) => {
    const owner = controllerOf(pod);
    return owner?.kind === 'DaemonSet' ? `${pod.metadata.namespace}/${owner.name}` : undefined;
  };
  const gone = (pod: Pod) => {
    const key = keyOfOwner(pod);
    if (key) expectations.deleted(key, pod.metadata.uid);
  };
  allPods.on({
    added: (pod) => {
      const key = keyOfOwner(pod);
      if (key) expectations.created(key);
    },
    updated: (pod) => pod.metadata.deletionTimestamp && gone(pod),
    deleted: gone,
  });

  return {
    name: 'daemonset',
    for: daemonSets,
    owns: [pods, controllerRevisions],
    watches: [{ resource: nodes, keys: (node: Node, previous?: Node) => (matters(node, previous) ? everySet() : []) }],
    minIntervalMs: 25,
    reconcile: async (key) => {
      const set = all.get(key);
      if (!set) return expectations.forget(key);
      if (isEmptySelector(set)) {
        const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
        events.event(set, 'Warning', 'SelectingAll', message);
        return;
      }
      if (set.metadata.deletionTimestamp) return;
      const known = await history.of(set);
      const newest = await history.ensure(set, known, hashLabel);
      if (!newest) return noteCollision(set);
      const hash = newest.metadata.labels?.[hashLabel] ?? '';
      const owned = await claimPods(set);
      let afterMs: number | undefined;
      let error: unknown;
      if (expectations.satisfied(key)) {
        const plan = planDaemons(set, allNodes.list(), owned, hash, clock.now());
        afterMs = holdBack(set, plan);
        error = await carryOut(key, set, plan, hash);
      }
      await writeStatus(set, owned, hash);
      await history.trim(known, inUse(known, newest, owned), set.spec.revisionHistoryLimit ?? 10);
      if (error) throw error;
      return soonest(afterMs, untilNextAvailable(set, owned));
    },
  };

  function everySet(): string[] {
    return all.list().map(keyOf);
  }

  function claimPods(set: DaemonSet): Promise<Pod[]> {
    const candidates = [
      ...allPods.byIndex('controllerUid', set.metadata.uid),
      ...allPods.byIndex('controllerUid', `orphan/${set.metadata.namespace}`),
    ];
    return claim({ client, resource: pods, owner: set, selector: set.spec.selector, candidates });
  }

  async function noteCollision(set: DaemonSet): Promise<void> {
    const { status } = set;
    const counts = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
    const collisionCount = (status?.collisionCount ?? 0) + 1;
    await client.update(
      daemonSets,
      { ...set, status: { ...counts, ...status, collisionCount } },
      { subresource: 'status' },
    );
  }

  /** Takes Pods that failed lately out of the plan; returns when to look again. */
  function holdBack(set: DaemonSet, plan: DaemonPlan): number | undefined {
    let afterMs: number | undefined;
    for (const pod of plan.ended) {
      const node = targetNode(pod) ?? '';
      const about = `daemon pod ${keyOf(pod)} on node ${node}, will try to ${pod.status?.phase === 'Failed' ? 'kill' : 'delete'} it`;
      if (pod.status?.phase !== 'Failed') {
        events.event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${about}`);
        continue;
      }
      const left = failures.remaining(`${set.metadata.uid}/${node}`);
      if (left > 0) {
        afterMs = Math.min(afterMs ?? left, left);
        plan.remove.splice(plan.remove.indexOf(pod), 1);
        continue;
      }
      failures.next(`${set.metadata.uid}/${node}`);
      events.event(set, 'Warning', 'FailedDaemonPod', `Found failed ${about}`);
    }
    return afterMs;
  }

  async function carryOut(key: string, set: DaemonSet, plan: DaemonPlan, hash: string): Promise<unknown> {
    const remove = plan.remove.slice(0, burst);
    const create = plan.create.slice(0, burst);
    for (const pod of remove) expectations.expectDeletion(key, pod.metadata.uid);
    expectations.expectCreations(key, create.length);
    const [{ tried, errors }, deletions] = await Promise.all([
      slowStart(create.length, (i) => podControl.create(set, daemonTemplate(set, create[i] ?? '', hash))),
      Promise.allSettled(remove.map((pod) => podControl.delete(set, pod))),
    ]);
    for (let i = tried - errors.length; i < create.length; i++) expectations.created(key);
    for (const [i, result] of deletions.entries())
      if (result.status === 'rejected') {
        expectations.deleted(key, remove[i]?.metadata.uid ?? '');
        errors.push(result.reason);
      }
    return errors.find((error) => !isNamespaceTerminating(error));
  }

  async function writeStatus(set: DaemonSet, owned: Pod[], hash: string): Promise<void> {
    const status = daemonSetStatus(set, allNodes.list(), owned, hash, clock.now());
    if (sameStatus(set.status, status)) return;
    await client.update(daemonSets, { ...set, status }, { subresource: 'status' });
  }

  function untilNextAvailable(set: DaemonSet, owned: Pod[]): number | undefined {
    const seconds = set.spec.minReadySeconds ?? 0;
    const times = owned.filter(isActive).flatMap((pod) => untilAvailableMs(pod, seconds, clock.now()) || []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }
}

const soonest = (...times: (number | undefined)[]) => {
  const known = times.filter((time) => time !== undefined);
  return known.length > 0 ? { requeueAfterMs: Math.min(...known) } : undefined;
};

function inUse(known: ControllerRevision[], newest: ControllerRevision, owned: Pod[]): Set<string> {
  const hashes = new Set(owned.map((pod) => pod.metadata.labels?.[hashLabel]));
  const live = known.filter(({ metadata }) => hashes.has(metadata.labels?.[hashLabel]));
  return new Set([newest, ...live].map(({ metadata }) => metadata.name));
}

/** Heartbeats of nodes are no news. */
function matters(node: Node, previous: Node | undefined): boolean {
  const relevant = ({ metadata, spec }: Node) => JSON.stringify([metadata.labels, spec.taints, spec.unschedulable]);
  return !previous || relevant(node) !== relevant(previous);
}

function isEmptySelector({ spec: { selector } }: DaemonSet): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}
