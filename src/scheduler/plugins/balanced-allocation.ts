import type { Plugin } from '../plugin.ts';
import { type Resources, requestsOf } from '../resources.ts';

/** Prefers nodes whose cpu and memory would be used to the same degree (noderesources/balanced_allocation.go). */
export const balancedAllocation: Plugin<Resources> = {
  name: 'NodeResourcesBalancedAllocation',
  prepare: requestsOf,
  normalise: 'absolute',
  score: (_pod, info, requests) => {
    const fraction = (name: string) => {
      const allocatable = info.allocatable.get(name) ?? 0;
      return allocatable === 0
        ? 1
        : Math.min(1, ((info.requested.get(name) ?? 0) + (requests.get(name) ?? 0)) / allocatable);
    };
    return (1 - Math.abs(fraction('cpu') - fraction('memory')) / 2) * 100;
  },
};
