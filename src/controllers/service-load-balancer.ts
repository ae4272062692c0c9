import { isIPv4 } from 'node:net';
import type { Service } from '../api/generated/core-v1.ts';
import { services } from '../api/resource.ts';
import { cidrRange, containsAddress, numberToAddress } from '../base/cidr.ts';
import type { Controller, ControllerContext, ControllerFactory } from '../client/controller.ts';

/**
 * The cloud provider's part, played by ourselves: a Service of type LoadBalancer gets an address of the cluster's own
 * pool in its status (kubernetes staging/src/k8s.io/cloud-provider/controllers/service). The service proxy does the rest.
 */
export function serviceLoadBalancerController(cidr: string): ControllerFactory {
  return ({ client, informers, events }: ControllerContext): Controller => {
    const all = informers.informer(services);
    /** Addresses given away here whose Service's status the cache may not show yet, by Service key. */
    const given = new Map<string, string>();
    return {
      name: 'service-load-balancer',
      for: services,
      workers: 1,
      reconcile: async (key) => {
        const service = all.get(key);
        if (!service || !wantsAddress(service)) {
          given.delete(key);
          if (service?.status?.loadBalancer?.ingress) await writeStatus(service, undefined);
          return;
        }
        const current = service.status?.loadBalancer?.ingress?.[0]?.ip;
        const taken = new Set([...given.values(), ...all.list().flatMap(addressesOf)]);
        if (current) taken.delete(current);
        if (current && inRange(current, cidr) && !taken.has(current) && fits(service, current)) return;
        const address = pick(service, taken);
        if (!address) {
          const wanted = service.spec.loadBalancerIP;
          const why = wanted ? `address ${wanted} is not free in ${cidr}` : `no address is free in ${cidr}`;
          events.event(service, 'Warning', 'SyncLoadBalancerFailed', `Error syncing load balancer: ${why}`);
          return { requeueAfterMs: 5000 };
        }
        given.set(key, address);
        events.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer');
        await writeStatus(service, address);
        events.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
      },
    };

    async function writeStatus(service: Service, ip: string | undefined): Promise<void> {
      const loadBalancer = ip ? { ingress: [{ ip, ipMode: 'VIP' }] } : {};
      await client.update(
        services,
        { ...service, status: { ...service.status, loadBalancer } },
        { subresource: 'status' },
      );
    }

    function pick(service: Service, taken: Set<string>): string | undefined {
      const wanted = service.spec.loadBalancerIP;
      if (wanted) return inRange(wanted, cidr) && !taken.has(wanted) ? wanted : undefined;
      const { first, last } = cidrRange(cidr);
      // The first and the last address of the range are left out: some programs take them for network and broadcast.
      for (let number = first + 1; number < last; number++) {
        const candidate = numberToAddress(number);
        if (!taken.has(candidate)) return candidate;
      }
      return undefined;
    }
  };
}

function wantsAddress(service: Service): boolean {
  return service.spec.type === 'LoadBalancer' && !service.spec.loadBalancerClass && !service.metadata.deletionTimestamp;
}

const addressesOf = (service: Service) => (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
const fits = (service: Service, ip: string) => !service.spec.loadBalancerIP || service.spec.loadBalancerIP === ip;

const inRange = (ip: string, cidr: string): boolean => isIPv4(ip) && containsAddress(cidr, ip);
