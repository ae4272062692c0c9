import type { Pod } from '../api/generated/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { nodes, pods } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import { formatTime } from '../api/time.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { isTerminated } from './pod-state.ts';

/** Finished Pods are kept up to this number (--terminated-pod-gc-threshold). */
const terminatedThreshold = 12_500;
/** A node that nobody knows may only be late: so long its Pods are left alone (podgc quarantineTime). */
const quarantineMs = 40_000;
/** The key under which finished Pods are counted; no node can have this name. */
const finishedKey = 'finished/pods';

/**
 * Removes Pods that no kubelet will ever finish: of nodes that are gone, or deleted before they were bound (kubernetes
 * pkg/controller/podgc). Keys are names of nodes, keys of Pods, or finishedKey.
 */
export function podGcController({ client, informers, clock, log }: ControllerContext): Controller {
  const all = informers.informer(pods, { indexes: { nodeName: (pod: Pod) => [pod.spec.nodeName ?? ''] } });
  const allNodes = informers.informer(nodes);
  /** Since when nodes that Pods name have been missing. */
  const missing = new Map<string, number>();
  /** Keys of the Pods that have finished and are still there. */
  const finished = new Set<string>();
  all.on({
    added: (pod) => void (isTerminated(pod) && finished.add(keyOf(pod))),
    updated: (pod) => void (isTerminated(pod) && finished.add(keyOf(pod))),
    deleted: (pod) => void finished.delete(keyOf(pod)),
  });

  return {
    name: 'pod-gc',
    for: nodes,
    workers: 1,
    watches: [{ resource: pods, keys: podKeys }],
    minIntervalMs: 1000,
    reconcile: async (key) => {
      if (key === finishedKey) return trimFinished();
      const pod = key.includes('/') ? all.get(key) : undefined;
      if (pod && !pod.spec.nodeName) return pod.metadata.deletionTimestamp ? remove(pod) : undefined;
      const node = pod?.spec.nodeName ?? key;
      if (allNodes.get(node) || all.byIndex('nodeName', node).length === 0) return void missing.delete(node);
      const sinceMs = missing.get(node) ?? clock.steady();
      missing.set(node, sinceMs);
      const leftMs = sinceMs + quarantineMs - clock.steady();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      missing.delete(node);
      if (await nodeExists(node)) return;
      for (const orphan of all.byIndex('nodeName', node)) await removeOrphan(orphan);
    },
  };

  function podKeys(pod: Pod, previous?: Pod): string[] {
    if (isTerminated(pod) && finished.size > terminatedThreshold) return [finishedKey];
    if (!pod.spec.nodeName) return pod.metadata.deletionTimestamp ? [keyOf(pod)] : [];
    return pod.spec.nodeName !== previous?.spec.nodeName && !allNodes.get(pod.spec.nodeName) ? [keyOf(pod)] : [];
  }

  async function nodeExists(name: string): Promise<boolean> {
    try {
      await client.get(nodes, name);
      return true;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return false;
      throw error;
    }
  }

  /** A Pod that can run no more has failed, and says why, before it goes (KEP-3329). */
  async function removeOrphan(pod: Pod): Promise<void> {
    const { name, namespace } = pod.metadata;
    log.info('removing a Pod of a node that is gone', { pod: keyOf(pod), node: pod.spec.nodeName });
    if (!isTerminated(pod)) {
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByPodGC',
        message: 'PodGC: node no longer exists',
        lastTransitionTime: formatTime(new Date(clock.now())),
      };
      const body = { status: { phase: 'Failed', conditions: [condition] } };
      await ignoringGone(client.patch(pods, name, namespace, { type: 'strategic', body }, { subresource: 'status' }));
    }
    await remove(pod);
  }

  function remove({ metadata: { name, namespace, uid } }: Pod): Promise<void> {
    return ignoringGone(client.delete(pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } }));
  }

  async function trimFinished(): Promise<void> {
    const surplus = finished.size - terminatedThreshold;
    if (surplus <= 0) return;
    const oldest = [...finished]
      .flatMap((key) => all.get(key) ?? [])
      .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
    for (const pod of oldest.slice(0, surplus)) await remove(pod);
  }
}

async function ignoringGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
  }
}
