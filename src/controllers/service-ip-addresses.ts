import type { Service } from '../api/generated/core-v1.ts';
import type { IPAddress } from '../api/generated/networking-v1.ts';
import { keyOf } from '../api/object.ts';
import { builtin, services } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';

export const ipAddresses = builtin<IPAddress>('networking.k8s.io', 'v1', 'ipaddresses');
const familyLabel = 'ipaddress.kubernetes.io/ip-family';
const managedByLabel = 'ipaddress.kubernetes.io/managed-by';
const managedBy = 'ipallocator.k8s.io';

/**
 * Keeps an IPAddress for each ClusterIP (KEP-1880; pkg/registry/core/service/ipallocator). The allocation itself reads
 * what is taken off the Services, so these follow it, as Kubernetes's own repair loop would have them.
 */
export function serviceIpAddressesController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(services);
  const addresses = informers.informer(ipAddresses, { indexes: { service: (address) => [serviceKey(address) ?? ''] } });
  return {
    name: 'service-ip-addresses',
    for: services,
    watches: [{ resource: ipAddresses, keys: (address: IPAddress) => [serviceKey(address) ?? ''].filter(Boolean) }],
    reconcile: async (key) => {
      const service = all.get(key);
      const wanted = service ? clusterIps(service) : [];
      const there = addresses.byIndex('service', key);
      const missing = wanted.filter((ip) => !there.some(({ metadata }) => metadata.name === ip));
      const stale = there.filter(({ metadata }) => !wanted.includes(metadata.name));
      await Promise.all(stale.map(remove));
      const made = await Promise.all(missing.map((ip) => create(ip, service!)));
      return made.every(Boolean) ? undefined : { requeueAfterMs: 1000 };
    },
  };

  /** False: it is there already. If it is that of a Service whose address this was, it is about to go. */
  async function create(ip: string, { metadata: { namespace, name } }: Service): Promise<boolean> {
    const labels = { [familyLabel]: ip.includes(':') ? 'IPv6' : 'IPv4', [managedByLabel]: managedBy };
    const parentRef = { resource: services.resource, namespace: namespace!, name };
    try {
      await client.create(ipAddresses, { metadata: { name: ip, labels }, spec: { parentRef } });
      return true;
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
      return false;
    }
  }

  async function remove({ metadata: { name, uid } }: IPAddress): Promise<void> {
    try {
      await client.delete(ipAddresses, name, undefined, { preconditions: { uid } });
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
  }
}

/** The Service that one of ours belongs to. */
function serviceKey({ metadata, spec }: IPAddress): string | undefined {
  const { resource, group, namespace, name } = spec.parentRef ?? {};
  const ours = metadata.labels?.[managedByLabel] === managedBy && resource === services.resource && !group;
  return ours ? keyOf({ metadata: { namespace, name: name! } } as Service) : undefined;
}

function clusterIps({ metadata, spec }: Service): string[] {
  if (metadata.deletionTimestamp || spec.type === 'ExternalName') return [];
  return (spec.clusterIPs ?? []).filter((ip) => ip !== 'None' && ip !== '');
}
