import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { PodEndpoint } from './pod-endpoints.ts';

/** At most so many endpoints in one slice (--max-endpoints-per-slice). */
export const maxEndpointsPerSlice = 100;

export interface SlicePlan {
  create: { ports: EndpointPort[]; endpoints: Endpoint[] }[];
  update: { slice: EndpointSlice; ports: EndpointPort[]; endpoints: Endpoint[] }[];
  remove: EndpointSlice[];
}

/**
 * The fewest writes that make the slices hold the wanted endpoints: an endpoint stays in its slice, new ones fill slices
 * that change anyway, then slices with room, then new slices (endpointslice reconciler.go reconcileByPortMapping). With
 * `placeholder`, an empty slice stands where there would be none.
 */
export function planSlices(
  existing: EndpointSlice[],
  wanted: PodEndpoint[],
  options: { placeholder?: boolean } = {},
): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  const groups = new Map<string, { ports: EndpointPort[]; wanted: Map<string, Endpoint>; slices: EndpointSlice[] }>();
  const group = (ports: EndpointPort[]) => {
    const key = portsKey(ports);
    let found = groups.get(key);
    if (!found) {
      found = { ports, wanted: new Map(), slices: [] };
      groups.set(key, found);
    }
    return found;
  };
  for (const { endpoint, ports } of wanted) group(ports).wanted.set(endpointKey(endpoint), endpoint);
  for (const slice of existing) group(slice.ports ?? []).slices.push(slice);
  for (const { ports, wanted: endpoints, slices } of groups.values()) planGroup(plan, ports, endpoints, slices);
  if (options.placeholder && existing.length === plan.remove.length && plan.create.length === 0) planPlaceholder(plan);
  reuseSlices(plan);
  return plan;
}

function planPlaceholder(plan: SlicePlan): void {
  const [only, ...more] = plan.remove;
  if (only && more.length === 0 && !only.ports?.length && !only.endpoints?.length) plan.remove = [];
  else plan.create.push({ ports: [], endpoints: [] });
}

/** Instead of removing one and creating another, one becomes the other (reconciler.go finalize). */
function reuseSlices({ create, update, remove }: SlicePlan): void {
  while (create.length > 0 && remove.length > 0) update.push({ slice: remove.shift()!, ...create.pop()! });
}

function planGroup(
  plan: SlicePlan,
  ports: EndpointPort[],
  wanted: Map<string, Endpoint>,
  slices: EndpointSlice[],
): void {
  const missing = new Map(wanted);
  const kept = slices.map((slice) => {
    let changed = false;
    const endpoints = (slice.endpoints ?? []).flatMap((endpoint) => {
      const key = endpointKey(endpoint);
      const now = missing.get(key);
      if (!now) {
        changed = true;
        return [];
      }
      missing.delete(key);
      if (!sameEndpoint(endpoint, now)) changed = true;
      return [now];
    });
    return { slice, endpoints, changed };
  });
  const rest = [...missing.values()];
  const byUse = [...kept].sort(
    (a, b) => Number(b.changed) - Number(a.changed) || b.endpoints.length - a.endpoints.length,
  );
  for (const entry of byUse) {
    const room = maxEndpointsPerSlice - entry.endpoints.length;
    if (rest.length === 0 || room <= 0) continue;
    entry.endpoints.push(...rest.splice(0, room));
    entry.changed = true;
  }
  while (rest.length > 0) plan.create.push({ ports, endpoints: rest.splice(0, maxEndpointsPerSlice) });
  for (const { slice, endpoints, changed } of kept) {
    if (endpoints.length === 0) plan.remove.push(slice);
    else if (changed) plan.update.push({ slice, ports: slice.ports ?? [], endpoints });
  }
}

function portsKey(ports: EndpointPort[]): string {
  return JSON.stringify(
    ports
      .map(({ name = '', port, protocol = 'TCP', appProtocol = '' }) => [name, port, protocol, appProtocol])
      .sort((a, b) => (String(a) < String(b) ? -1 : 1)),
  );
}

function endpointKey(endpoint: Endpoint): string {
  return `${endpoint.targetRef?.uid ?? ''}/${endpoint.addresses[0]}`;
}

export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a.addresses[0] === b.addresses[0] &&
    a.hostname === b.hostname &&
    a.nodeName === b.nodeName &&
    a.targetRef?.uid === b.targetRef?.uid &&
    (a.conditions?.ready ?? false) === (b.conditions?.ready ?? false) &&
    (a.conditions?.serving ?? false) === (b.conditions?.serving ?? false) &&
    (a.conditions?.terminating ?? false) === (b.conditions?.terminating ?? false)
  );
}
