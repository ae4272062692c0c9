import type { Pod } from '../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../api/generated/policy-v1.ts';
import { keyOf } from '../api/object.ts';
import { compileSelector } from '../api/selectors.ts';
import { type NodeInfo, withoutPods } from './cluster-snapshot.ts';
import { fits } from './plan-placement.ts';
import type { Plugin, SchedulingContext } from './plugin.ts';

export interface Preemption {
  node: string;
  victims: Pod[];
  /** How many of them a PodDisruptionBudget would have kept. */
  violations: number;
}

/**
 * The node on which removing Pods of lower priority makes room at the least cost: the fewest broken budgets, then the
 * lowest highest priority, the lowest sum, the fewest victims (kubernetes pkg/scheduler/framework/preemption). Pure.
 */
export function planPreemption(
  pod: Pod,
  candidates: NodeInfo[],
  context: SchedulingContext,
  plugins: Plugin[],
): Preemption | undefined {
  if (pod.spec.preemptionPolicy === 'Never' || waitsForVictims(pod, context)) return undefined;
  const options = candidates.flatMap((info) => {
    const found = selectVictims(pod, info, context, plugins);
    return found && found.victims.length > 0 ? [{ node: info.node.metadata.name, ...found }] : [];
  });
  const highest = ({ victims }: Preemption) => Math.max(...victims.map(priorityOf));
  const sum = ({ victims }: Preemption) => victims.reduce((total, victim) => total + priorityOf(victim), 0);
  return options.sort(
    (a, b) =>
      a.violations - b.violations || highest(a) - highest(b) || sum(a) - sum(b) || a.victims.length - b.victims.length,
  )[0];
}

/** Its victims are on their way out already (PodEligibleToPreemptOthers). */
export function waitsForVictims(pod: Pod, context: Pick<SchedulingContext, 'nodes'>): boolean {
  const nominated = context.nodes.find(({ node }) => node.metadata.name === pod.status?.nominatedNodeName);
  return [...(nominated?.pods.values() ?? [])].some(
    (one) => one.metadata.deletionTimestamp && priorityOf(one) < priorityOf(pod),
  );
}

/** All Pods of lower priority are taken away, then spared one by one, those whose budget is spent and the most important first, while the Pod still fits. */
function selectVictims(
  pod: Pod,
  info: NodeInfo,
  context: SchedulingContext,
  plugins: Plugin[],
): { victims: Pod[]; violations: number } | undefined {
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
  const ordered = [...lower].sort(importance);
  const protectedPods = violating(ordered, context);
  for (const spared of ordered.sort((a, b) => Number(protectedPods.has(b)) - Number(protectedPods.has(a)))) {
    victims.delete(keyOf(spared));
    if (!fitsWithout([...victims.values()])) victims.set(keyOf(spared), spared);
  }
  const chosen = [...victims.values()];
  return { victims: chosen, violations: chosen.filter((one) => protectedPods.has(one)).length };
}

/** The Pods that no budget allows to go, the budgets being spent in this order (filterPodsWithPDBViolation). */
function violating(pods: Pod[], { objects }: SchedulingContext): Set<Pod> {
  const left = new Map<PodDisruptionBudget, number>();
  const found = new Set<Pod>();
  for (const pod of pods) {
    for (const budget of objects.budgets(pod.metadata.namespace ?? '')) {
      if (!budget.spec.selector || !compileSelector(budget.spec.selector)(pod.metadata.labels)) continue;
      if (budget.status?.disruptedPods?.[pod.metadata.name]) continue;
      const allowed = (left.get(budget) ?? budget.status?.disruptionsAllowed ?? 0) - 1;
      left.set(budget, allowed);
      if (allowed < 0) found.add(pod);
    }
  }
  return found;
}

export const priorityOf = (pod: Pod) => pod.spec.priority ?? 0;
