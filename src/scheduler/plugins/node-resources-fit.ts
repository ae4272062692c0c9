import type { Plugin } from '../plugin.ts';
import { nonZeroRequests, type Resources, requestsOf } from '../resources.ts';

/** Room for the Pod's requests; the emptier node is the better one (strategy LeastAllocated). */
export const nodeResourcesFit: Plugin<Resources> = {
  name: 'NodeResourcesFit',
  prepare: requestsOf,
  filter: (_pod, info, requests) => {
    const reasons: string[] = [];
    if (info.pods.size + 1 > (info.allocatable.get('pods') ?? 0)) reasons.push('Too many pods');
    for (const [name, wanted] of requests) {
      if (wanted === 0) continue;
      const free = (info.allocatable.get(name) ?? 0) - (info.requested.get(name) ?? 0);
      if (wanted > free) reasons.push(`Insufficient ${name}`);
    }
    return reasons;
  },
  normalise: 'absolute',
  score: (pod, info) => {
    const own = nonZeroRequests(pod);
    const free = (name: 'cpu' | 'memory') => {
      const allocatable = info.allocatable.get(name) ?? 0;
      const used = info.nonZero[name] + own[name];
      return allocatable === 0 || used > allocatable ? 0 : ((allocatable - used) * 100) / allocatable;
    };
    return (free('cpu') + free('memory')) / 2;
  },
};
