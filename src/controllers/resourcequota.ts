import type { ResourceQuota } from '../api/generated/core-v1.ts';
import { type KubeObject, keyOf } from '../api/object.ts';
import { type ResourceList, sum } from '../api/pod-resources.ts';
import { inScope, quotaUsage } from '../api/quota-usage.ts';
import {
  builtinResources,
  persistentVolumeClaims,
  pods,
  type Resource,
  type ResourceInfo,
  resourceQuotas,
  services,
} from '../api/resource.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { isTerminated } from './pod-state.ts';
import { sameStatus } from './same-status.ts';

/** Objects that are not watched before some quota counts them are counted again so often, in milliseconds. */
const recountMs = 1000;
/** Kinds whose changes are told at once. */
const watched = [pods, services, persistentVolumeClaims] as Resource<KubeObject>[];
/** Kinds that quotas count by their plain name. */
const plain = ['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas'];

/**
 * Writes into each ResourceQuota how much of it is used (kubernetes pkg/controller/resourcequota). The limits are
 * enforced at admission, which does not rely on these numbers.
 */
export function resourceQuotaController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(resourceQuotas);
  const inNamespace = (object: KubeObject) => all.list(object.metadata.namespace).map(keyOf);

  return {
    name: 'resourcequota',
    for: resourceQuotas,
    watches: [
      {
        resource: pods,
        // A Pod counts from its creation until it has finished or is gone.
        keys: (pod, previous) =>
          previous &&
          isTerminated(pod) === isTerminated(previous) &&
          pod.metadata.generation === previous.metadata.generation
            ? []
            : inNamespace(pod),
      },
      { resource: services, keys: inNamespace },
      { resource: persistentVolumeClaims, keys: inNamespace },
    ],
    workers: 1,
    minIntervalMs: 100,
    reconcile: async (key) => {
      const quota = all.get(key);
      if (!quota) return;
      const { hard = {} } = quota.spec;
      const counted = countedResources(Object.keys(hard));
      const used: ResourceList = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']));
      for (const resource of counted) {
        const informer = informers.informer(resource as Resource<KubeObject>);
        await informer.whenSynced();
        for (const object of informer.list(quota.metadata.namespace)) addUsage(used, quota, resource, object);
      }
      if (!sameStatus(quota.status, { hard, used }))
        await client.update(resourceQuotas, { ...quota, status: { hard, used } }, { subresource: 'status' });
      const slow = counted.some((resource) => !watched.includes(resource as Resource<KubeObject>));
      return slow ? { requeueAfterMs: recountMs } : undefined;
    },
  };
}

function addUsage(used: ResourceList, quota: ResourceQuota, resource: ResourceInfo, object: KubeObject): void {
  if (!inScope(quota.spec, resource, object)) return;
  for (const [name, quantity] of Object.entries(quotaUsage(resource, object)))
    if (used[name] !== undefined) used[name] = sum({ [name]: used[name] }, { [name]: quantity })[name] ?? quantity;
}

/** The resources that these limits are about. */
function countedResources(limits: string[]): ResourceInfo[] {
  const counted = new Set<ResourceInfo>();
  for (const limit of limits) {
    const [, name = '', group = ''] = /^count\/([^.]+)\.?(.*)$/.exec(limit) ?? [];
    const found = builtinResources.find((info) => info.group === group && info.resource === (name || limit));
    if (name || plain.includes(limit)) {
      if (found) counted.add(found);
    } else if (limit.startsWith('services')) counted.add(services);
    else if (limit === 'persistentvolumeclaims' || limit === 'requests.storage' || limit.includes('.storageclass.'))
      counted.add(persistentVolumeClaims);
    else counted.add(pods);
  }
  return [...counted].filter(({ resource, group }) => group !== '' || resource !== 'events');
}
