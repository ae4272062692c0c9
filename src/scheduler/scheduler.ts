import type { Node, Pod, PodCondition } from '../api/generated/core-v1.ts';
import { keyOf } from '../api/object.ts';
import {
  csiNodes,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  storageClasses,
} from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { MetricSources } from '../base/metrics.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { InformerFactory } from '../client/informer.ts';
import { pathOf } from '../client/rest.ts';
import { bindVolumes } from './bind-volumes.ts';
import { clusterObjects } from './cluster-objects.ts';
import { ClusterSnapshot, type NodeInfo } from './cluster-snapshot.ts';
import { bindClaims } from './devices/bind-claims.ts';
import { planPlacement } from './plan-placement.ts';
import { planPreemption, priorityOf, waitsForVictims } from './plan-preemption.ts';
import type { SchedulingContext } from './plugin.ts';
import { hasClaims } from './plugins/volume-binding.ts';
import { defaultProfiles, defaultSchedulerName, type Profiles } from './profiles.ts';
import { SchedulerMetrics } from './scheduler-metrics.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

export interface SchedulerOptions {
  client: Client;
  informers: InformerFactory;
  /** Tells Events as the scheduler of this name. */
  eventsOf: (schedulerName: string) => EventRecorder;
  /** @default one, for Pods that name no other scheduler */
  profiles?: Profiles | undefined;
  clock: Clock;
  log: Logger;
  /** Where the scheduler's figures are told. */
  metrics?: MetricSources;
  /** @default Math.random */
  random?: () => number;
}

export interface Scheduler {
  stop(): Promise<void>;
}

/** Gives every Pod without a node the best one (kubernetes pkg/scheduler). Talks to nobody but the API server. */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const { client, informers, clock, log, random = Math.random, profiles = defaultProfiles } = options;
  const recorders = new Map([...profiles.keys()].map((name) => [name, options.eventsOf(name)]));
  const queue = new SchedulingQueue(clock);
  const metrics = new SchedulerMetrics(queue);
  const measured = () => metrics.families();
  options.metrics?.add(measured);
  const snapshot = new ClusterSnapshot();
  const allPods = informers.informer(pods);
  const allNamespaces = informers.informer(namespaces);
  const objects = clusterObjects(informers, () => queue.moveAll());
  /** Nodes that Pods without one were promised, by the Pod's key (status.nominatedNodeName). */
  const nominations = new Map<string, { node: string; pod: Pod }>();
  followPods();
  followNodes();
  /** Bindings under way; awaited at the end. */
  const binding = new Set<Promise<void>>();
  const loop = run();
  return {
    stop: async () => {
      queue.close();
      options.metrics?.delete(measured);
      await loop;
      await Promise.allSettled(binding);
    },
  };

  function followPods(): void {
    allPods.on({
      added: (pod) => see(pod),
      updated: (pod, previous) => {
        see(pod, previous);
        if (ended(pod) && !ended(previous)) queue.moveAll();
      },
      deleted: (pod) => {
        queue.forget(keyOf(pod));
        nominations.delete(keyOf(pod));
        snapshot.removePod(keyOf(pod));
        if (pod.spec.nodeName) queue.moveAll();
      },
    });
  }

  function see(pod: Pod, previous?: Pod): void {
    const key = keyOf(pod);
    const { nominatedNodeName } = pod.status ?? {};
    if (nominatedNodeName && !pod.spec.nodeName) nominations.set(key, { node: nominatedNodeName, pod });
    else if (nominations.size > 0) nominations.delete(key);
    if (pod.spec.nodeName) {
      snapshot.setPod(pod);
      if (!previous?.spec.nodeName) queue.forget(key);
      return;
    }
    const ours = profiles.has(schedulerOf(pod));
    if (!ours || pod.metadata.deletionTimestamp || ended(pod) || (pod.spec.schedulingGates ?? []).length > 0) return;
    // Our own writes of its status are no reason to try again.
    const same = previous && previous.metadata.generation === pod.metadata.generation && sameLabels(pod, previous);
    if (same && sameClaims(pod, previous)) return;
    queue.add(key, priorityOf(pod));
  }

  function followNodes(): void {
    informers.informer(nodes).on({
      added: (node) => {
        snapshot.setNode(node);
        queue.moveAll();
      },
      updated: (node, previous) => {
        snapshot.setNode(node);
        if (schedulingChanged(node, previous)) queue.moveAll();
      },
      deleted: (node) => snapshot.removeNode(node.metadata.name),
    });
  }

  async function run(): Promise<void> {
    await Promise.all(
      [
        allPods,
        informers.informer(nodes),
        allNamespaces,
        informers.informer(persistentVolumeClaims),
        informers.informer(persistentVolumes),
        informers.informer(storageClasses),
        informers.informer(csiNodes),
        informers.informer(podDisruptionBudgets),
        objects.devices,
      ].map((informer) => informer.whenSynced()),
    );
    for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
      const pod = allPods.get(key);
      if (!pod || pod.spec.nodeName || pod.metadata.deletionTimestamp) continue;
      scheduleOne(key, pod);
    }
  }

  /**
   * 1. choose a node; 2. count the Pod there at once, so that the next Pod sees it; 3. bind without waiting; 4. if it
   * fits nowhere, say why and see whether less important Pods can make room.
   */
  function scheduleOne(key: string, pod: Pod): void {
    const { moves } = queue;
    const context: SchedulingContext = {
      nodes: snapshot.nodes(),
      namespaceLabels: (namespace) => allNamespaces.get(namespace)?.metadata.labels ?? {},
      objects,
      nominated: (name) =>
        nominations.size === 0 ? [] : [...nominations.values()].flatMap((one) => (one.node === name ? [one.pod] : [])),
    };
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    const { plugins, preempts } = profiles.get(schedulerOf(pod))!;
    const placement = planPlacement(pod, context, plugins, random);
    if (placement.node !== undefined) {
      const { node } = placement;
      snapshot.setPod({ ...pod, spec: { ...pod.spec, nodeName: node } });
      track(bind(key, pod, node).then((bound) => metrics.attempted(bound ? 'scheduled' : 'error', seconds())));
      return;
    }
    const preemption = preempts ? planPreemption(pod, placement.preemptable, context, plugins) : undefined;
    metrics.attempted('unschedulable', seconds());
    if (preemption) metrics.preempted();
    queue.addUnschedulable(key, priorityOf(pod), moves);
    track(explain(pod, placement.message, placement.preemptable.length, context.nodes.length, preemption));
  }

  function track(work: Promise<void>): void {
    binding.add(work);
    void work.finally(() => binding.delete(work));
  }

  /** Whether it came to that. */
  async function bind(key: string, pod: Pod, node: string): Promise<boolean> {
    const { name, namespace, uid } = pod.metadata;
    try {
      await Promise.all([bindPodClaims(pod, node), bindPodVolumes(pod, node)]);
      const response = await client.request({
        method: 'POST',
        path: pathOf(pods, namespace, name, 'binding'),
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name, namespace, uid },
          target: { kind: 'Node', name: node },
        }),
      });
      if (response.status >= 400) throw new Error(`bind pod ${key} to node ${node}: ${await response.text()}`);
      recorders.get(schedulerOf(pod))?.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${node}`);
      return true;
    } catch (error) {
      const current = allPods.get(key);
      if (current?.spec.nodeName) return true;
      snapshot.removePod(key);
      if (!current) return false;
      log.warn('binding failed', { pod: key, node, error });
      queue.addBackoff(key, priorityOf(pod));
      return false;
    }
  }

  /** Chooses at once, and writes then. */
  function bindPodClaims(pod: Pod, nodeName: string): Promise<void> {
    const info = snapshot.node(nodeName);
    return info ? bindClaims(pod, info.node, { client, objects: objects.devices }) : Promise.resolve();
  }

  async function bindPodVolumes(pod: Pod, nodeName: string): Promise<void> {
    const info = snapshot.node(nodeName);
    if (!info || !hasClaims(pod)) return;
    await bindVolumes(pod, info.node, { client, informers, objects, clock });
  }

  async function explain(
    pod: Pod,
    reason: string,
    preemptable: number,
    total: number,
    preemption: ReturnType<typeof planPreemption>,
  ): Promise<void> {
    const message =
      total === 0 || preemption || !profiles.get(schedulerOf(pod))?.preempts
        ? reason
        : `${reason} ${preemptionMessage(pod, snapshot.nodes(), preemptable)}`;
    const events = recorders.get(schedulerOf(pod));
    events?.event(pod, 'Warning', 'FailedScheduling', message);
    try {
      await writeUnschedulable(pod, message, preemption?.node);
      for (const victim of preemption?.victims ?? []) {
        const about = `Preempted by pod ${pod.metadata.uid} on node ${preemption?.node}`;
        events?.event(victim, 'Normal', 'Preempted', about);
        await markDisrupted(victim, schedulerOf(pod));
        await client.delete(pods, victim.metadata.name, victim.metadata.namespace);
      }
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict'))
        log.warn('cannot tell why a Pod is not scheduled', { pod: keyOf(pod), error });
    }
  }

  async function writeUnschedulable(pod: Pod, message: string, nominatedNodeName: string | undefined): Promise<void> {
    const current = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
    const nominated = nominatedNodeName ?? pod.status?.nominatedNodeName;
    if (current?.status === 'False' && current.message === message && nominated === pod.status?.nominatedNodeName)
      return;
    const condition: PodCondition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      observedGeneration: pod.metadata.generation,
      lastTransitionTime:
        current?.status === 'False'
          ? current.lastTransitionTime
          : `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
    };
    const body = { status: { conditions: [condition], ...(nominated ? { nominatedNodeName: nominated } : {}) } };
    await client.patch(
      pods,
      pod.metadata.name,
      pod.metadata.namespace,
      { type: 'strategic', body },
      { subresource: 'status' },
    );
  }

  /** The condition that tells a deletion by preemption from others (KEP-3329). */
  async function markDisrupted(victim: Pod, schedulerName: string): Promise<void> {
    const condition: PodCondition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${schedulerName}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
    };
    const { name, namespace } = victim.metadata;
    await client.patch(
      pods,
      name,
      namespace,
      { type: 'strategic', body: { status: { conditions: [condition] } } },
      { subresource: 'status' },
    );
  }
}

/** The words of kube-scheduler 1.36, whose plugin for devices has its say before preemption. */
function preemptionMessage(pod: Pod, all: NodeInfo[], preemptable: number): string {
  const total = all.length;
  const before = 'no new claims to deallocate, preemption:';
  if (pod.spec.preemptionPolicy === 'Never') return `${before} not eligible due to preemptionPolicy=Never.`;
  if (waitsForVictims(pod, { nodes: all }))
    return `${before} not eligible due to a terminating pod on the nominated node.`;
  const helpless = total - preemptable;
  const reasons = [
    ...(preemptable > 0 ? [`${preemptable} No preemption victims found for incoming pod`] : []),
    ...(helpless > 0 ? [`${helpless} Preemption is not helpful for scheduling`] : []),
  ];
  return `${before} 0/${total} nodes are available: ${reasons.join(', ')}.`;
}

const schedulerOf = ({ spec }: Pod) => spec.schedulerName ?? defaultSchedulerName;
const ended = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
/** Which claims were made for it. */
const sameClaims = (a: Pod, b: Pod) =>
  JSON.stringify(a.status?.resourceClaimStatuses) === JSON.stringify(b.status?.resourceClaimStatuses);
const sameLabels = (a: Pod, b: Pod) => JSON.stringify(a.metadata.labels) === JSON.stringify(b.metadata.labels);

/** Heartbeats change no more than times: they are no reason to try Pods again. */
function schedulingChanged(node: Node, previous: Node): boolean {
  const relevant = ({ metadata, spec, status }: Node) =>
    JSON.stringify([
      metadata.labels,
      spec.taints,
      spec.unschedulable,
      status?.allocatable,
      status?.conditions?.map(({ type, status: value }) => [type, value]),
    ]);
  return relevant(node) !== relevant(previous);
}
