import type { Node, Service } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import { localReadyAddresses } from './select-endpoints.ts';

/**
 * The way that traffic from outside takes to the load-balancer addresses of a Service with externalTrafficPolicy Local: by the
 * first node that has endpoints, which sees who calls; none where this node has some itself, or where any node will do. It is
 * what load balancers find out by health checks (healthCheckNodePort). Pure.
 */
export function planLoadBalancerRoutes(
  { spec, status }: Service,
  slices: EndpointSlice[],
  nodes: Node[],
  self: string,
): Map<string, string> {
  const routes = new Map<string, string>();
  if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return routes;
  const serving = nodes.filter(({ metadata }) => localReadyAddresses(slices, metadata.name).size > 0);
  if (serving.length === 0 || serving.some(({ metadata }) => metadata.name === self)) return routes;
  const [first] = serving.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const gateway = first?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  for (const { ip } of status?.loadBalancer?.ingress ?? []) if (ip && gateway) routes.set(`${ip}/32`, gateway);
  return routes;
}
