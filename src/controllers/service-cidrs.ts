import { isIPv4 } from 'node:net';
import type { ServiceCIDR } from '../api/generated/networking-v1.ts';
import { serviceCidrs } from '../api/resource.ts';
import { formatTime } from '../api/time.ts';
import { containsAddress } from '../base/cidr.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { sameStatus } from './same-status.ts';
import { ipAddresses } from './service-ip-addresses.ts';

const finalizer = 'networking.k8s.io/service-cidr-finalizer';

/** Marks ServiceCIDRs as ready, and keeps those that are in use (KEP-1880, kubernetes pkg/controller/servicecidrs). */
export function serviceCidrsController({ client, informers, clock }: ControllerContext): Controller {
  const all = informers.informer(serviceCidrs);
  const addresses = informers.informer(ipAddresses);
  return {
    name: 'service-cidrs',
    for: serviceCidrs,
    watches: [
      {
        resource: ipAddresses,
        keys: () => all.list().flatMap(({ metadata }) => (metadata.deletionTimestamp ? [metadata.name] : [])),
      },
    ],
    reconcile: async (name) => {
      const cidr = all.get(name);
      if (!cidr) return;
      const finalizers = cidr.metadata.finalizers ?? [];
      if (!cidr.metadata.deletionTimestamp) {
        const current = finalizers.includes(finalizer)
          ? cidr
          : await client.update(serviceCidrs, {
              ...cidr,
              metadata: { ...cidr.metadata, finalizers: [...finalizers, finalizer] },
            });
        return writeReady(current, 'True', '', 'Kubernetes Service CIDR is ready');
      }
      if (!finalizers.includes(finalizer)) return;
      if (isInUse(cidr)) {
        const message =
          'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
        return writeReady(cidr, 'False', 'Terminating', message);
      }
      await client.update(serviceCidrs, {
        ...cidr,
        metadata: { ...cidr.metadata, finalizers: finalizers.filter((one) => one !== finalizer) },
      });
    },
  };

  /** Some address is in this range and in no other that stays. */
  function isInUse(cidr: ServiceCIDR): boolean {
    const others = all.list().filter((one) => one !== cidr && !one.metadata.deletionTimestamp);
    return addresses
      .list()
      .some(({ metadata: { name } }) => contains(cidr, name) && !others.some((other) => contains(other, name)));
  }

  async function writeReady(cidr: ServiceCIDR, value: string, reason: string, message: string): Promise<void> {
    const current = cidr.status?.conditions?.find(({ type }) => type === 'Ready');
    const lastTransitionTime =
      current?.status === value ? current.lastTransitionTime : formatTime(new Date(clock.now()));
    const ready = { type: 'Ready', status: value, reason, message, lastTransitionTime };
    const status = { conditions: [ready] } as ServiceCIDR['status'];
    if (sameStatus(cidr.status, status)) return;
    await client.update(serviceCidrs, { ...cidr, status }, { subresource: 'status' });
  }
}

/** IPv4 only: Vitrine's Services have no other addresses. */
function contains({ spec }: ServiceCIDR, ip: string): boolean {
  return isIPv4(ip) && (spec.cidrs ?? []).some((cidr) => !cidr.includes(':') && containsAddress(cidr, ip));
}
