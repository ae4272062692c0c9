import type { ServicePort } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';

export interface Endpoint {
  ip: string;
  port: number;
}

export interface SelectedEndpoints {
  /** Those that may be used from anywhere. */
  cluster: Endpoint[];
  /** Those on this node. */
  local: Endpoint[];
}

interface Candidate extends Endpoint {
  ready: boolean;
  /** Serving although it is being deleted. */
  lastResort: boolean;
  local: boolean;
}

/**
 * The endpoints of a Service port: the ready ones; if there are none, those that still serve while they terminate (KEP-1669;
 * kubernetes pkg/proxy/topology.go). In the order of address and port, so that equal sets make equal rules.
 */
export function selectEndpoints(slices: EndpointSlice[], port: ServicePort, nodeName: string): SelectedEndpoints {
  const candidates = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const target = slice.ports?.find(
      (other) => (other.name ?? '') === (port.name ?? '') && (other.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (!target?.port) continue;
    for (const { addresses, conditions = {}, nodeName: on } of slice.endpoints ?? []) {
      const ip = addresses[0];
      if (ip === undefined) continue;
      // nil means true for ready and, where ready is, for serving (discovery/v1 EndpointConditions).
      const ready = conditions.ready ?? true;
      const lastResort = (conditions.serving ?? ready) && (conditions.terminating ?? false);
      if (!ready && !lastResort) continue;
      const known = candidates.get(`${ip}:${target.port}`);
      if (!known || ready)
        candidates.set(`${ip}:${target.port}`, { ip, port: target.port, ready, lastResort, local: on === nodeName });
    }
  }
  const sorted = [...candidates.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candidate]) => candidate);
  return { cluster: usable(sorted), local: usable(sorted.filter((candidate) => candidate.local)) };
}

/** Addresses of the endpoints on this node that are ready. */
export function localReadyAddresses(slices: EndpointSlice[], nodeName: string): Set<string> {
  const local = slices
    .flatMap(({ endpoints = [] }) => endpoints)
    .filter(({ conditions, nodeName: on }) => on === nodeName && (conditions?.ready ?? true));
  return new Set(local.flatMap(({ addresses }) => addresses[0] ?? []));
}

function usable(candidates: Candidate[]): Endpoint[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  const chosen = ready.length > 0 ? ready : candidates.filter((candidate) => candidate.lastResort);
  return chosen.map(({ ip, port }) => ({ ip, port }));
}
