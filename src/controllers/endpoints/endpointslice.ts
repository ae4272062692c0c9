import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpointSlices, pods, services } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { ownerReference } from '../pod-control.ts';
import { StatusSpacing } from '../status-spacing.ts';
import { planSlices } from './plan-slices.ts';
import { isHeadless, type PodEndpoint, podEndpoints } from './pod-endpoints.ts';
import { createServicePods } from './service-pods.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const managedBy = 'endpointslice-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';

/** Keeps the EndpointSlices of Services with a selector (kubernetes pkg/controller/endpointslice). */
export function endpointSliceController({ client, informers, clock }: ControllerContext): Controller {
  const allServices = informers.informer(services);
  const allPods = informers.informer(pods);
  const allSlices = informers.informer(endpointSlices);
  const servicePods = createServicePods(informers);
  const spacing = new StatusSpacing(clock);

  return {
    name: 'endpointslice',
    for: services,
    owns: [endpointSlices],
    watches: [{ resource: pods, keys: servicePods.keysFor }],
    minIntervalMs: 25,
    reconcile: async (key) => {
      const service = allServices.get(key);
      if (!service) spacing.forget(key);
      // The garbage collector removes the slices of a Service that is gone.
      if (!service || !servicePods.isManaged(service)) return;
      const existing = ownSlices(service);
      const wanted = podEndpoints(service, servicePods.podsOf(service, allPods.list(service.metadata.namespace)));
      const plan = planSlices(existing, wanted, { placeholder: true });
      const labels = sliceLabels(service);
      const relabel = existing.filter(
        (slice) =>
          !plan.remove.includes(slice) && !plan.update.some((one) => one.slice === slice) && !sameLabels(slice, labels),
      );
      if (plan.create.length + plan.update.length + plan.remove.length + relabel.length === 0) return;
      // A hundred Pods that turn ready one after the other are a few writes.
      const waitMs = spacing.waitMs(key, isUrgent(existing, wanted));
      if (waitMs > 0) return { requeueAfterMs: waitMs };
      await Promise.all([
        ...plan.create.map(({ ports, endpoints }) =>
          client.create(endpointSlices, {
            metadata: {
              generateName: `${service.metadata.name}-`,
              namespace: service.metadata.namespace,
              labels,
              ownerReferences: [ownerReference(service)],
            },
            addressType: 'IPv4',
            ports,
            endpoints,
          }),
        ),
        ...plan.update.map(({ slice, ports, endpoints }) =>
          client.update(endpointSlices, withLabels({ ...slice, ports, endpoints }, labels)),
        ),
        ...relabel.map((slice) => client.update(endpointSlices, withLabels(slice, labels))),
        ...plan.remove.map((slice) => removeSlice(slice)),
      ]);
    },
  };

  function ownSlices(service: Service): EndpointSlice[] {
    return allSlices
      .list(service.metadata.namespace)
      .filter(
        ({ metadata: { labels, deletionTimestamp } }) =>
          labels?.[serviceNameLabel] === service.metadata.name &&
          labels[managedByLabel] === managedBy &&
          !deletionTimestamp,
      );
  }

  async function removeSlice(slice: EndpointSlice): Promise<void> {
    try {
      await client.delete(endpointSlices, slice.metadata.name, slice.metadata.namespace);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}

/** Whether a Pod that takes traffic by these slices is to take none, or the Service gets its first that does. */
function isUrgent(existing: EndpointSlice[], wanted: PodEndpoint[]): boolean {
  const ready = new Set(wanted.flatMap(({ endpoint }) => (endpoint.conditions?.ready ? endpoint.addresses : [])));
  const serving = existing.flatMap((slice) =>
    (slice.endpoints ?? []).flatMap(({ conditions, addresses }) => (conditions?.ready ? addresses : [])),
  );
  return serving.length === 0 ? ready.size > 0 : serving.some((address) => !ready.has(address));
}

/** The Service's own labels and those that tell where the slice comes from. */
function sliceLabels(service: Service): Record<string, string> {
  return {
    ...service.metadata.labels,
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: managedBy,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
  };
}

function sameLabels(slice: EndpointSlice, labels: Record<string, string>): boolean {
  const current = slice.metadata.labels ?? {};
  return (
    Object.keys(current).length === Object.keys(labels).length &&
    Object.entries(labels).every(([name, value]) => current[name] === value)
  );
}

function withLabels(slice: EndpointSlice, labels: Record<string, string>): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels } };
}
