import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { keyOf } from '../../api/object.ts';
import { endpointSlices, endpoints, services } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { ownerReference } from '../pod-control.ts';
import { managedByLabel, serviceNameLabel } from './endpointslice.ts';
import { planSlices } from './plan-slices.ts';
import type { PodEndpoint } from './pod-endpoints.ts';

const managedBy = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
/** At most so many addresses of a subset are mirrored (--mirroring-max-endpoints-per-subset). */
const maxPerSubset = 1000;

/** Copies Endpoints that somebody wrote by hand into EndpointSlices (kubernetes pkg/controller/endpointslicemirroring). */
export function endpointSliceMirroringController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(endpoints);
  const allServices = informers.informer(services);
  const allSlices = informers.informer(endpointSlices);

  return {
    name: 'endpointslice-mirroring',
    for: endpoints,
    owns: [endpointSlices],
    watches: [{ resource: services, keys: (service: Service) => [keyOf(service)] }],
    minIntervalMs: 100,
    reconcile: async (key) => {
      const source = all.get(key);
      const service = allServices.get(key);
      const existing = ownSlices(key);
      const mirrored = source && service && isMirrored(source, service);
      if (!mirrored) {
        await Promise.all(existing.map(remove));
        return;
      }
      const plan = planSlices(existing, wantedEndpoints(source.subsets ?? []));
      const labels = {
        ...source.metadata.labels,
        [serviceNameLabel]: source.metadata.name,
        [managedByLabel]: managedBy,
      };
      await Promise.all([
        ...plan.create.map(({ ports, endpoints: list }) =>
          client.create(endpointSlices, {
            metadata: {
              generateName: `${source.metadata.name}-`,
              namespace: source.metadata.namespace,
              labels,
              ownerReferences: [ownerReference(source)],
            },
            addressType: 'IPv4',
            ports,
            endpoints: list,
          }),
        ),
        ...plan.update.map(({ slice, ports, endpoints: list }) =>
          client.update(endpointSlices, {
            ...slice,
            metadata: { ...slice.metadata, labels },
            ports,
            endpoints: list,
          }),
        ),
        ...plan.remove.map(remove),
      ]);
    },
  };

  function ownSlices(key: string): EndpointSlice[] {
    const [namespace, name] = key.split('/');
    return allSlices
      .list(namespace)
      .filter(
        ({ metadata: { labels, deletionTimestamp } }) =>
          labels?.[serviceNameLabel] === name && labels?.[managedByLabel] === managedBy && !deletionTimestamp,
      );
  }

  async function remove({ metadata: { name, namespace } }: EndpointSlice): Promise<void> {
    try {
      await client.delete(endpointSlices, name, namespace);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}

function isMirrored({ metadata }: Endpoints, service: Service): boolean {
  if (metadata.labels?.[skipLabel] === 'true' || metadata.annotations?.[leaderAnnotation] !== undefined) return false;
  if (metadata.deletionTimestamp || metadata.labels?.['endpoints.kubernetes.io/managed-by']) return false;
  return Object.keys(service.spec.selector ?? {}).length === 0 && service.spec.type !== 'ExternalName';
}

/** Addresses of all subsets, each with the subset's ports. */
function wantedEndpoints(subsets: EndpointSubset[]): PodEndpoint[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const mapped = ports.map(({ name, port, protocol, appProtocol }) => ({
      name: name ?? '',
      port,
      protocol: protocol ?? 'TCP',
      ...(appProtocol ? { appProtocol } : {}),
    }));
    const endpoint = (address: EndpointAddress, ready: boolean) => ({
      endpoint: {
        addresses: [address.ip],
        conditions: { ready },
        ...(address.hostname ? { hostname: address.hostname } : {}),
        ...(address.nodeName ? { nodeName: address.nodeName } : {}),
        ...(address.targetRef ? { targetRef: address.targetRef } : {}),
      },
      ports: mapped,
    });
    return [
      ...addresses.map((address) => endpoint(address, true)),
      ...notReadyAddresses.map((address) => endpoint(address, false)),
    ].slice(0, maxPerSubset);
  }) as PodEndpoint[];
}
