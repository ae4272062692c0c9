import type { Pod } from '../api/generated/core-v1.ts';
import { nodes, pods } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';

/** Finished Pods are kept up to this number (--terminated-pod-gc-threshold). */
const terminatedThreshold = 12_500;

/** Removes Pods that no kubelet will ever finish: of nodes that are gone, or deleted before they were bound (kubernetes pkg/controller/podgc). */
export function podGcController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(pods);
  const allNodes = informers.informer(nodes);
  const force = async (pod: Pod) => {
    try {
      await client.delete(pods, pod.metadata.name, pod.metadata.namespace, {
        gracePeriodSeconds: 0,
        preconditions: { uid: pod.metadata.uid },
      });
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
  };
  return {
    name: 'pod-gc',
    for: pods,
    workers: 1,
    watches: [{ resource: nodes, keys: () => [] }],
    minIntervalMs: 1000,
    reconcile: async (key) => {
      const pod = all.get(key);
      if (!pod) return;
      const { nodeName } = pod.spec;
      if (!nodeName) return pod.metadata.deletionTimestamp ? force(pod) : undefined;
      if (!allNodes.get(nodeName)) {
        if (await nodeExists(nodeName)) return;
        // The node's end was told by the node controller.
        return force(pod);
      }
      const finished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
      if (finished) await trimFinished();
    },
  };

  async function nodeExists(name: string): Promise<boolean> {
    try {
      await client.get(nodes, name);
      return true;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return false;
      throw error;
    }
  }

  async function trimFinished(): Promise<void> {
    const finished = all.list().filter((pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed');
    const surplus = finished.length - terminatedThreshold;
    if (surplus <= 0) return;
    const oldest = finished.sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
    for (const pod of oldest.slice(0, surplus)) await force(pod);
  }
}
