import type { Container, Node, Pod, ResourceRequirements } from '../api/generated/core-v1.ts';
import { quantityMilliValue, quantityValue } from '../api/quantity.ts';

/** Amounts by resource name: cpu in millicores, all others in their unit (bytes, pieces). */
export type Resources = Map<string, number>;

/** A container that asks for nothing still weighs something when nodes are scored (util/pod_resources.go). */
export const defaultMilliCpu = 100;
export const defaultMemoryBytes = 200 * 1024 * 1024;

export function amount(name: string, quantity: string): number {
  return name === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity);
}

export function allocatableOf(node: Node): Resources {
  const quantities = node.status?.allocatable ?? node.status?.capacity ?? {};
  return new Map(Object.entries(quantities).map(([name, quantity]) => [name, amount(name, quantity)]));
}

/**
 * What a Pod takes of its node: the sum of its containers and sidecars, or what the largest init container needs on top
 * of the sidecars started before it, whichever is more, plus overhead (component-helpers resource.PodRequests, KEP-753).
 */
export function requestsOf(pod: Pod): Resources {
  const total: Resources = new Map();
  for (const container of pod.spec.containers) add(total, requests(container.resources));
  const sidecars: Resources = new Map();
  const peak: Resources = new Map();
  for (const container of pod.spec.initContainers ?? []) {
    const own = requests(container.resources);
    if (container.restartPolicy === 'Always') {
      add(sidecars, own);
      raise(peak, sidecars);
    } else {
      const together = new Map(sidecars);
      add(together, own);
      raise(peak, together);
    }
  }
  add(total, sidecars);
  raise(total, peak);
  for (const [name, value] of requests(pod.spec.resources)) total.set(name, value);
  for (const [name, quantity] of Object.entries(pod.spec.overhead ?? {}))
    add(total, new Map([[name, amount(name, quantity)]]));
  return total;
}

/** The requests used for scoring, with a default for containers that ask for nothing. */
export function nonZeroRequests(pod: Pod): { cpu: number; memory: number } {
  let cpu = 0;
  let memory = 0;
  for (const container of pod.spec.containers) {
    const own = requests(container.resources);
    cpu += own.get('cpu') ?? defaultMilliCpu;
    memory += own.get('memory') ?? defaultMemoryBytes;
  }
  return { cpu, memory };
}

/** Host ports of a Pod as 'protocol/ip/port'. */
export function hostPortsOf(pod: Pod): string[] {
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return [...pod.spec.containers, ...sidecars].flatMap(portsOf);
}

function portsOf(container: Container): string[] {
  return (container.ports ?? []).flatMap(({ hostPort, hostIP, protocol }) =>
    hostPort ? [`${protocol ?? 'TCP'}/${hostIP || '0.0.0.0'}/${hostPort}`] : [],
  );
}

function requests(resources: ResourceRequirements | undefined): Resources {
  return new Map(Object.entries(resources?.requests ?? {}).map(([name, quantity]) => [name, amount(name, quantity)]));
}

export function add(to: Resources, what: Resources, sign = 1): void {
  for (const [name, value] of what) to.set(name, (to.get(name) ?? 0) + sign * value);
}

function raise(to: Resources, what: Resources): void {
  for (const [name, value] of what) to.set(name, Math.max(to.get(name) ?? 0, value));
}
