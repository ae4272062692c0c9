import { podRequest } from '../resources.ts';
import { diskUse, type PodUsage } from './pod-usage.ts';
import type { StarvedResource } from './thresholds.ts';

type Compare = (a: PodUsage, b: PodUsage) => number;

/**
 * Pods in the order in which they are to go (eviction/helpers.go rankMemoryPressure, rankPIDPressure, rankDiskPressureFunc):
 * those above their request first, then the less important, then those furthest above their request. Pure.
 */
export function rankPods(resource: StarvedResource, pods: readonly PodUsage[]): PodUsage[] {
  const order: Compare[] =
    resource === 'pids'
      ? [byPriority, (a, b) => b.processes - a.processes]
      : [exceedingFirst(resource), byPriority, (a, b) => excess(resource, b) - excess(resource, a)];
  return pods.toSorted((a, b) => {
    for (const compare of order) {
      const result = compare(a, b);
      if (result !== 0) return result;
    }
    return 0;
  });
}

const byPriority: Compare = (a, b) => (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0);

const exceedingFirst =
  (resource: StarvedResource): Compare =>
  (a, b) =>
    Number(excess(resource, b) > 0) - Number(excess(resource, a) > 0);

/** Use beyond the request; what could not be measured goes first. */
function excess(resource: StarvedResource, usage: PodUsage): number {
  const { spec } = usage.pod;
  switch (resource) {
    case 'memory':
      return usage.memoryBytes === undefined
        ? Number.POSITIVE_INFINITY
        : usage.memoryBytes - podRequest(spec, 'memory');
    case 'ephemeral-storage':
      return diskUse(usage).bytes - podRequest(spec, 'ephemeral-storage');
    case 'inodes':
      // Nobody can ask for inodes.
      return diskUse(usage).inodes;
    case 'pids':
      return usage.processes;
  }
}
