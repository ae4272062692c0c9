import type { Node, Pod, Taint } from '../api/generated/core-v1.ts';
import { leases, nodes, pods } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { timestamp } from './deployment/status.ts';

/** A node whose Lease was not renewed for so long is unknown, in milliseconds (--node-monitor-grace-period). */
const gracePeriodMs = 50_000;
const checkIntervalMs = 5_000;

/** Conditions that become NoSchedule taints (KEP-382, TaintNodesByCondition). */
const conditionTaints: [type: string, status: string, key: string][] = [
  ['Ready', 'False', 'node.kubernetes.io/not-ready'],
  ['Ready', 'Unknown', 'node.kubernetes.io/unreachable'],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
];
const unschedulableKey = 'node.kubernetes.io/unschedulable';
const managedKeys = new Set([...conditionTaints.map(([, , key]) => key), unschedulableKey]);

/**
 * Notices nodes that no longer report, taints nodes by their conditions, and evicts Pods that do not tolerate a
 * NoExecute taint (kubernetes pkg/controller/nodelifecycle and tainteviction).
 */
export function nodeLifecycleController({ client, informers, clock, events }: ControllerContext): Controller {
  const all = informers.informer(nodes);
  const allPods = informers.informer(pods, { indexes: { nodeName: (pod: Pod) => [pod.spec.nodeName ?? ''] } });
  const nodeLeases = informers.informer(leases, { namespace: 'kube-node-lease' });
  /**
   * When each node was last seen to report, by our own clock: that of the node may be another, and any may be set
   * (node_lifecycle_controller.go, probeTimestamp).
   */
  const heard = new Map<string, { report: string; atMs: number }>();
  /** When a NoExecute taint without timeAdded was first seen, by node and key: tolerations run from then on. */
  const firstSeen = new Map<string, Map<string, number>>();

  return {
    name: 'node-lifecycle',
    for: nodes,
    watches: [
      {
        resource: pods,
        keys: (pod: Pod, previous?: Pod) =>
          pod.spec.nodeName && pod.spec.nodeName !== previous?.spec.nodeName ? [pod.spec.nodeName] : [],
      },
    ],
    reconcile: async (name) => {
      const node = all.get(name);
      if (!node) {
        firstSeen.delete(name);
        heard.delete(name);
        return;
      }
      const current = await markUnknown(node);
      await writeTaints(current);
      const nextEvictionMs = await evict(current);
      return { requeueAfterMs: Math.min(checkIntervalMs, nextEvictionMs ?? checkIntervalMs) };
    },
  };

  /** Sets every condition to Unknown when node and Lease have been silent for too long. */
  async function markUnknown(node: Node): Promise<Node> {
    const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
    if (silentMs(node, ready?.lastHeartbeatTime) < gracePeriodMs || ready?.status === 'Unknown') return node;
    const now = timestamp(clock.now());
    const known = new Map((node.status?.conditions ?? []).map((condition) => [condition.type, condition]));
    for (const type of ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']) {
      const old = known.get(type);
      known.set(type, {
        ...old,
        type,
        status: 'Unknown',
        reason: old ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
        message: old ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
        lastTransitionTime: now,
      });
    }
    const status = { ...node.status, conditions: [...known.values()] };
    const updated = await client.update(nodes, { ...node, status }, { subresource: 'status' });
    events.event(node, 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`);
    await markPodsNotReady(node);
    return updated;
  }

  /** How long neither the node's Lease nor its status has changed. */
  function silentMs({ metadata: { name } }: Node, heartbeat: string | undefined): number {
    const report = `${nodeLeases.get(`kube-node-lease/${name}`)?.spec?.renewTime} ${heartbeat}`;
    const before = heard.get(name);
    if (before?.report === report) return clock.steady() - before.atMs;
    heard.set(name, { report, atMs: clock.steady() });
    return 0;
  }

  /** Pods of a silent node take no more traffic (MarkPodsNotReady). */
  async function markPodsNotReady(node: Node): Promise<void> {
    for (const pod of allPods.byIndex('nodeName', node.metadata.name)) {
      const conditions = pod.status?.conditions ?? [];
      if (!conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True')) continue;
      const changed = conditions.map((condition) =>
        condition.type === 'Ready'
          ? {
              ...condition,
              status: 'False',
              lastTransitionTime: timestamp(clock.now()),
              reason: undefined,
              message: undefined,
            }
          : condition,
      );
      await ignoringGone(
        client.update(pods, { ...pod, status: { ...pod.status, conditions: changed } }, { subresource: 'status' }),
      );
    }
  }

  async function writeTaints(node: Node): Promise<void> {
    const wanted = wantedTaints(node, clock.now());
    const current = node.spec.taints ?? [];
    const same =
      current.length === wanted.length && wanted.every((taint) => current.some((one) => sameTaint(one, taint)));
    if (!same)
      await client.update(nodes, { ...node, spec: { ...node.spec, taints: wanted.length > 0 ? wanted : undefined } });
  }

  /** Deletes Pods whose toleration of a NoExecute taint is missing or has run out; returns when the next one does. */
  async function evict(node: Node): Promise<number | undefined> {
    const taints = withTimes(node.metadata.name);
    if (taints.length === 0) return undefined;
    let next: number | undefined;
    for (const pod of allPods.byIndex('nodeName', node.metadata.name)) {
      if (pod.metadata.deletionTimestamp) continue;
      const leftMs = untilEvictionMs(pod, taints, clock.now());
      if (leftMs === undefined) continue;
      if (leftMs > 0) {
        next = Math.min(next ?? leftMs, leftMs);
        continue;
      }
      const cause = `Marking for deletion Pod ${pod.metadata.namespace}/${pod.metadata.name}`;
      events.event(pod, 'Normal', 'TaintManagerEviction', cause);
      await ignoringGone(markDisrupted(pod));
      await ignoringGone(client.delete(pods, pod.metadata.name, pod.metadata.namespace));
    }
    return next;
  }

  /** The node's NoExecute taints, each with the time from which on it is to be tolerated. */
  function withTimes(name: string): Taint[] {
    const taints = (all.get(name)?.spec.taints ?? []).filter((taint) => taint.effect === 'NoExecute');
    const before = firstSeen.get(name);
    const seen = new Map(taints.map((taint) => [taint.key, before?.get(taint.key) ?? clock.now()]));
    firstSeen.set(name, seen);
    return taints.map((taint) => ({ timeAdded: new Date(seen.get(taint.key) as number).toISOString(), ...taint }));
  }

  /** Tells this deletion from others (KEP-3329). */
  function markDisrupted(pod: Pod): Promise<Pod> {
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: timestamp(clock.now()),
    };
    const { name, namespace } = pod.metadata;
    const body = { status: { conditions: [condition] } };
    return client.patch(pods, name, namespace, { type: 'strategic', body }, { subresource: 'status' });
  }
}

/** The node's other taints, and those that its conditions call for. */
export function wantedTaints(node: Node, nowMs: number): Taint[] {
  const current = node.spec.taints ?? [];
  const others = current.filter((taint) => !managedKeys.has(taint.key));
  const status = new Map((node.status?.conditions ?? []).map((condition) => [condition.type, condition.status]));
  const wanted: Taint[] = [];
  const add = (key: string, effect: Taint['effect']) => {
    const existing = current.find((taint) => taint.key === key && taint.effect === effect);
    wanted.push(existing ?? { key, effect, ...(effect === 'NoExecute' ? { timeAdded: timestamp(nowMs) } : {}) });
  };
  for (const [type, value, key] of conditionTaints) {
    if (status.get(type) !== value) continue;
    add(key, 'NoSchedule');
    if (type === 'Ready') add(key, 'NoExecute');
  }
  if (node.spec.unschedulable) add(unschedulableKey, 'NoSchedule');
  return [...others, ...wanted];
}

/** Milliseconds until the Pod must go because of these taints; undefined when it may stay for good. */
export function untilEvictionMs(pod: Pod, taints: Taint[], nowMs: number): number | undefined {
  let left: number | undefined;
  for (const taint of taints) {
    // Only the first toleration that matches counts (v1helper.GetMatchingTolerations).
    const toleration = (pod.spec.tolerations ?? []).find(
      (one) =>
        (!one.effect || one.effect === taint.effect) &&
        (!one.key || one.key === taint.key) &&
        (one.operator === 'Exists' || (!!one.key && (one.value ?? '') === (taint.value ?? ''))),
    );
    if (!toleration) return 0;
    if (toleration.tolerationSeconds === undefined) continue;
    const since = Date.parse(taint.timeAdded ?? '') || nowMs;
    const until = since + toleration.tolerationSeconds * 1000 - nowMs;
    left = Math.min(left ?? until, until);
  }
  return left === undefined ? undefined : Math.max(0, left);
}

const sameTaint = (a: Taint, b: Taint) =>
  a.key === b.key && a.effect === b.effect && (a.value ?? '') === (b.value ?? '');

async function ignoringGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
