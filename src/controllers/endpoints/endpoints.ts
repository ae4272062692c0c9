import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../api/generated/core-v1.ts';
import { endpoints, pods, services } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { isHeadless, type PodEndpoint, podEndpoints } from './pod-endpoints.ts';
import { createServicePods } from './service-pods.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const headlessLabel = 'service.kubernetes.io/headless';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
/** An Endpoints object holds at most so many addresses. */
const maxAddresses = 1000;

/** Keeps the older Endpoints object of Services with a selector (kubernetes pkg/controller/endpoint). */
export function endpointsController({ client, informers }: ControllerContext): Controller {
  const allServices = informers.informer(services);
  const allPods = informers.informer(pods);
  const existing = informers.informer(endpoints);
  const servicePods = createServicePods(informers);

  return {
    name: 'endpoints',
    for: services,
    watches: [
      { resource: pods, keys: servicePods.keysFor },
      { resource: endpoints, keys: (object: Endpoints) => [`${object.metadata.namespace}/${object.metadata.name}`] },
    ],
    minIntervalMs: 250,
    reconcile: async (key) => {
      const service = allServices.get(key);
      const current = existing.get(key);
      if (!service) return removeLeftover(current);
      if (!servicePods.isManaged(service)) return;
      const wanted = podEndpoints(service, servicePods.podsOf(service, allPods.list(service.metadata.namespace)));
      const { subsets, cut } = truncate(subsetsOf(wanted));
      const labels = {
        ...service.metadata.labels,
        [managedByLabel]: 'endpoint-controller',
        ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
      };
      if (!current) return void (await create(service, labels, subsets, cut));
      const { [overCapacityAnnotation]: _cut, ...kept } = current.metadata.annotations ?? {};
      const annotations = cut ? { ...kept, [overCapacityAnnotation]: 'truncated' } : kept;
      const same =
        JSON.stringify(normalised(current.subsets)) === JSON.stringify(normalised(subsets)) &&
        sameMap(current.metadata.labels, labels) &&
        sameMap(current.metadata.annotations, annotations);
      if (same) return;
      await client.update(endpoints, { ...current, metadata: { ...current.metadata, labels, annotations }, subsets });
    },
  };

  async function create(service: Service, labels: Record<string, string>, subsets: EndpointSubset[], cut: boolean) {
    const { name, namespace } = service.metadata;
    const annotations = cut ? { [overCapacityAnnotation]: 'truncated' } : undefined;
    await client.create(endpoints, { metadata: { name, namespace, labels, annotations }, subsets });
  }

  async function removeLeftover(current: Endpoints | undefined): Promise<void> {
    if (current?.metadata.labels?.[managedByLabel] !== 'endpoint-controller') return;
    try {
      await client.delete(endpoints, current.metadata.name, current.metadata.namespace);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}

/** Addresses grouped by the ports that they serve, in a stable order (endpoints/util.go RepackSubsets). */
export function subsetsOf(wanted: PodEndpoint[]): EndpointSubset[] {
  const groups = new Map<string, EndpointSubset>();
  for (const { endpoint, ports } of wanted) {
    // Published before they are ready means published until they are gone.
    if (endpoint.conditions?.terminating && !endpoint.conditions.ready) continue;
    const shown = ports.map(({ name, port, protocol, appProtocol }) => ({
      ...(name ? { name } : {}),
      port: port as number,
      protocol: protocol as 'TCP' | 'UDP' | 'SCTP',
      ...(appProtocol ? { appProtocol } : {}),
    }));
    const key = JSON.stringify(shown);
    const group = groups.get(key) ?? { ports: shown };
    groups.set(key, group);
    const address: EndpointAddress = {
      ip: endpoint.addresses[0] as string,
      ...(endpoint.hostname ? { hostname: endpoint.hostname } : {}),
      ...(endpoint.nodeName ? { nodeName: endpoint.nodeName } : {}),
      targetRef: endpoint.targetRef,
    };
    if (endpoint.conditions?.ready) group.addresses = [...(group.addresses ?? []), address];
    else group.notReadyAddresses = [...(group.notReadyAddresses ?? []), address];
  }
  return normalised([...groups.values()]);
}

function normalised(subsets: EndpointSubset[] = []): EndpointSubset[] {
  const byIp = (list: EndpointAddress[] | undefined) =>
    list && list.length > 0 ? [...list].sort((a, b) => (a.ip < b.ip ? -1 : 1)) : undefined;
  return subsets
    .map(({ addresses, notReadyAddresses, ports }) => ({
      addresses: byIp(addresses),
      notReadyAddresses: byIp(notReadyAddresses),
      ports,
    }))
    .sort((a, b) => (JSON.stringify(a.ports) < JSON.stringify(b.ports) ? -1 : 1));
}

function truncate(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; cut: boolean } {
  let left = maxAddresses;
  let cut = false;
  const take = (list: EndpointAddress[] | undefined) => {
    const taken = list?.slice(0, left);
    if (list && taken && taken.length < list.length) cut = true;
    left -= taken?.length ?? 0;
    return taken;
  };
  const ready = subsets.map((subset) => ({ ...subset, addresses: take(subset.addresses) }));
  return { subsets: ready.map((subset) => ({ ...subset, notReadyAddresses: take(subset.notReadyAddresses) })), cut };
}

function sameMap(a: Record<string, string> = {}, b: Record<string, string> = {}): boolean {
  return (
    Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value)
  );
}
