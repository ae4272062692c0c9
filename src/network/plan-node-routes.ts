import type { Node } from '../api/generated/core-v1.ts';

/** The way to the Pods of each other node: by its address, range by range. Pure. */
export function planNodeRoutes(nodes: Node[], self: string): Map<string, string> {
  const routes = new Map<string, string>();
  for (const { metadata, spec, status } of nodes) {
    const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    if (metadata.name !== self && spec.podCIDR && address) routes.set(spec.podCIDR, address);
  }
  return routes;
}
