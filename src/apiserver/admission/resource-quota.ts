import type { Pod, ResourceQuota } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { type ResourceList, sum } from '../../api/pod-resources.ts';
import { compareQuantities, subtractQuantities } from '../../api/quantity.ts';
import { inScope, quotaUsage, unspecified } from '../../api/quota-usage.ts';
import { type Resource, type ResourceInfo, resourceQuotas } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { isPod, refuse } from './refuse.ts';

/** How long something that was let in counts before it is seen in the store. */
const reservationMs = 5000;

interface Reservation {
  resource: ResourceInfo;
  namespace: string;
  object: KubeObject;
  untilMs: number;
}

/**
 * Refuses what would exceed a quota of the namespace (apiserver plugin/resourcequota). Usage is summed up from the
 * objects themselves, not from the quota's status, and from what was let in a moment ago: requests that come at the same
 * time cannot pass together. It comes last: what others refuse must not count.
 */
export function resourceQuota({ reader, clock }: { reader: ObjectReader; clock: Clock }): AdmissionPlugin {
  /** Let in, but maybe not stored yet; only for namespaces with quotas. */
  let reservations: Reservation[] = [];

  const pending = ({ resource, namespace }: AdmissionAttributes): KubeObject[] => {
    const now = clock.now();
    reservations = reservations.filter(
      (one) =>
        one.untilMs > now &&
        !reader.get(one.resource as Resource<KubeObject>, one.namespace, one.object.metadata.name ?? ''),
    );
    return reservations
      .filter((one) => one.resource === resource && one.namespace === namespace)
      .map((one) => one.object);
  };

  return {
    name: 'ResourceQuota',
    handles: ({ operation, resource, subresource, namespace }) =>
      (operation === 'CREATE' || (operation === 'UPDATE' && resource.group === '' && growing.has(resource.resource))) &&
      subresource === '' &&
      resource.namespaced &&
      reader.list(resourceQuotas, namespace).length > 0,
    async validate(attributes) {
      const { resource, namespace, object } = attributes;
      if (!object) return;
      const quotas = reader.list(resourceQuotas, namespace).filter((quota) => inScope(quota.spec, resource, object));
      const others = [...reader.list(resource as Resource<KubeObject>, namespace), ...pending(attributes)];
      for (const quota of quotas) checkQuota(attributes, quota, others);
      if (attributes.operation === 'CREATE' && !attributes.dryRun && quotas.length > 0) {
        reservations.push({ resource, namespace, object, untilMs: clock.now() + reservationMs });
      }
    },
  };
}

/** Resources whose updates may use more than before. */
const growing = new Set(['services', 'persistentvolumeclaims']);

function checkQuota(attributes: AdmissionAttributes, quota: ResourceQuota, others: KubeObject[]): void {
  const { resource, object, oldObject } = attributes;
  const hard = quota.spec?.hard ?? {};
  const { name } = quota.metadata;
  if (isPod(attributes)) checkSpecified(attributes, name, Object.keys(hard));
  const limitedBy = (list: ResourceList) =>
    Object.fromEntries(Object.entries(list).filter(([key]) => hard[key] !== undefined));
  const wanted = limitedBy(quotaUsage(resource, object!));
  const before = oldObject ? quotaUsage(resource, oldObject) : {};
  const requested: ResourceList = {};
  for (const [key, quantity] of Object.entries(wanted)) {
    const more = before[key] === undefined ? quantity : subtractQuantities(quantity, before[key]);
    if (compareQuantities(more, '0') > 0) requested[key] = more;
  }
  if (Object.keys(requested).length === 0) return;
  const used = others
    .filter((other) => inScope(quota.spec, resource, other))
    .map((other) => limitedBy(quotaUsage(resource, other)))
    .reduce(sum, {});
  const exceeded = Object.keys(requested)
    .filter((key) => compareQuantities(sum(used, requested)[key]!, hard[key]!) > 0)
    .sort();
  if (exceeded.length === 0) return;
  const show = (list: ResourceList) => exceeded.map((key) => `${key}=${list[key] ?? '0'}`).join(',');
  throw refuse(
    attributes,
    `exceeded quota: ${name}, requested: ${show(requested)}, used: ${show(used)}, limited: ${show(hard)}`,
  );
}

function checkSpecified(attributes: AdmissionAttributes, quota: string, limited: string[]): void {
  const missing = [...unspecified(attributes.object as Pod, limited)].sort();
  if (missing.length === 0) return;
  const list = missing.map(([name, containers]) => `${name} for: ${[...new Set(containers)].sort().join(',')}`);
  throw refuse(attributes, `failed quota: ${quota}: must specify ${list.join('; ')}`);
}
