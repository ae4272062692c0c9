import type { Pod } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { persistentVolumeClaims, pods } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { ownerReference } from '../pod-control.ts';
import { isTerminated } from '../pod-state.ts';

/** Makes the claims of generic ephemeral volumes, which live and die with their Pod (KEP-1698, kubernetes pkg/controller/volume/ephemeral). */
export function ephemeralVolumeController({ client, informers, events }: ControllerContext): Controller {
  const allPods = informers.informer(pods);
  const all = informers.informer(persistentVolumeClaims);
  return {
    name: 'ephemeral-volume',
    // Keys are those of Pods, of which few have such volumes.
    for: persistentVolumeClaims,
    watches: [{ resource: pods, keys: (pod: Pod) => (needsClaims(pod) ? [keyOf(pod)] : []) }],
    reconcile: async (key) => {
      const pod = allPods.get(key);
      if (!pod || !needsClaims(pod)) return;
      for (const volume of pod.spec.volumes ?? []) {
        const template = volume.ephemeral?.volumeClaimTemplate;
        if (!template) continue;
        const name = `${pod.metadata.name}-${volume.name}`;
        const existing = all.get(`${pod.metadata.namespace}/${name}`);
        if (existing) {
          if (existing.metadata.ownerReferences?.some((owner) => owner.uid === pod.metadata.uid && owner.controller))
            continue;
          throw new Error(`PVC ${keyOf(existing)} was not created for pod ${key} (pod is not owner)`);
        }
        const { labels, annotations } = template.metadata ?? {};
        try {
          await client.create(persistentVolumeClaims, {
            metadata: {
              name,
              namespace: pod.metadata.namespace,
              labels,
              annotations,
              ownerReferences: [ownerReference(pod)],
            },
            spec: template.spec,
          });
        } catch (error) {
          if (hasReason(error, 'AlreadyExists')) continue;
          events.event(
            pod,
            'Warning',
            'FailedCreate',
            `ephemeral volume controller: create PVC ${name}: ${(error as Error).message}`,
          );
          throw error;
        }
      }
    },
  };
}

function needsClaims(pod: Pod): boolean {
  return (
    !pod.metadata.deletionTimestamp && !isTerminated(pod) && (pod.spec.volumes ?? []).some((volume) => volume.ephemeral)
  );
}
