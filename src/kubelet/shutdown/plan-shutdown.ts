import type { Pod } from '../../api/generated/core-v1.ts';
import type { ShutdownGracePeriod } from '../configuration.ts';

/** Pods that end together, and how long the next group waits for them at most. */
export interface ShutdownGroup<T> {
  graceSeconds: number;
  pods: T[];
}

/**
 * Puts Pods into the groups of the configuration, which are sorted by priority: each into the last whose priority it
 * reaches, what reaches none into the first (kubelet nodeshutdown groupByPriority). Empty groups are left out. Pure.
 */
export function planShutdown<T extends { pod: Pod }>(periods: ShutdownGracePeriod[], pods: T[]): ShutdownGroup<T>[] {
  const groups: ShutdownGroup<T>[] = periods.map(({ shutdownGracePeriodSeconds }) => ({
    graceSeconds: shutdownGracePeriodSeconds,
    pods: [],
  }));
  for (const one of pods) {
    const index = periods.findLastIndex(({ priority }) => (one.pod.spec.priority ?? 0) >= priority);
    groups[Math.max(0, index)]?.pods.push(one);
  }
  return groups.filter((group) => group.pods.length > 0);
}
