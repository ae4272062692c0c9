import type { Pod } from '../api/generated/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { type NodeInfo, withoutPods } from './cluster-snapshot.ts';
import { fits } from './plan-placement.ts';
import type { Plugin, SchedulingContext } from './plugin.ts';

export interface Preemption {
  node: string;
  victims: Pod[];
}

/**
 * The node on which removing Pods of lower priority makes room at the least cost: the lowest highest priority, then the
 * lowest sum, then the fewest victims (kubernetes pkg/scheduler/framework/preemption). Pure.
 */
export function planPreemption(
  pod: Pod,
  candidates: NodeInfo[],
  context: SchedulingContext,
  plugins: Plugin[],
): Preemption | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return undefined;
  const options = candidates.flatMap((info) => {
    const victims = selectVictims(pod, info, context, plugins);
    return victims && victims.length > 0 ? [{ node: info.node.metadata.name, victims }] : [];
  });
  const highest = ({ victims }: Preemption) => Math.max(...victims.map(priorityOf));
  const sum = ({ victims }: Preemption) => victims.reduce((total, victim) => total + priorityOf(victim), 0);
  return options.sort((a, b) => highest(a) - highest(b) || sum(a) - sum(b) || a.victims.length - b.victims.length)[0];
}

/** All Pods of lower priority are taken away, then spared one by one, the most important first, while the Pod still fits. */
function selectVictims(pod: Pod, info: NodeInfo, context: SchedulingContext, plugins: Plugin[]): Pod[] | undefined {
  const lower = [...info.pods.values()].filter((one) => priorityOf(one) < priorityOf(pod));
  if (lower.length === 0) return undefined;
  const fitsWithout = (victims: Pod[]) => {
    const changed = withoutPods(info, victims);
    const nodes = context.nodes.map((one) => (one === info ? changed : one));
    return fits(pod, changed, { ...context, nodes }, plugins);
  };
  if (!fitsWithout(lower)) return undefined;
  const victims = new Map(lower.map((one) => [keyOf(one), one]));
  const importance = (a: Pod, b: Pod) =>
    priorityOf(b) - priorityOf(a) || (a.status?.startTime ?? '').localeCompare(b.status?.startTime ?? '');
  for (const spared of [...lower].sort(importance)) {
    victims.delete(keyOf(spared));
    if (!fitsWithout([...victims.values()])) victims.set(keyOf(spared), spared);
  }
  return [...victims.values()];
}

export const priorityOf = (pod: Pod) => pod.spec.priority ?? 0;
