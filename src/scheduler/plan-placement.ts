import type { Pod } from '../api/generated/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { type NodeInfo, withPods } from './cluster-snapshot.ts';
import type { Plugin, SchedulingContext } from './plugin.ts';

export type Placement =
  | { node: string }
  | { node: undefined; message: string; reasons: Map<string, string[]>; preemptable: NodeInfo[] };

/** Chooses the node for a Pod: filter, score, pick (kubernetes pkg/scheduler/schedule_one.go schedulePod). Pure. */
export function planPlacement(
  pod: Pod,
  context: SchedulingContext,
  plugins: Plugin[],
  random: () => number,
): Placement {
  if (context.nodes.length === 0)
    return { node: undefined, message: 'no nodes available to schedule pods', reasons: new Map(), preemptable: [] };
  for (const plugin of plugins) {
    const why = plugin.refuse?.(pod, context);
    if (why)
      return {
        node: undefined,
        message: `${noneOf(context.nodes.length)}: ${why}.`,
        reasons: new Map(),
        preemptable: [],
      };
  }
  const states = plugins.map((plugin) => plugin.prepare?.(pod, context));
  // The node that was cleared for this Pod goes first: the others need not be looked at.
  const nominated = context.nodes.find(({ node }) => node.metadata.name === pod.status?.nominatedNodeName);
  if (nominated && !refusalOn(pod, nominated, context, plugins, states)) return { node: nominated.node.metadata.name };
  const feasible: NodeInfo[] = [];
  const reasons = new Map<string, string[]>();
  const preemptable: NodeInfo[] = [];
  for (const info of context.nodes) {
    const refusal = refusalOn(pod, info, context, plugins, states);
    if (!refusal) feasible.push(info);
    else {
      reasons.set(info.node.metadata.name, refusal.reasons);
      if (refusal.plugin.preemptionHelps !== false) preemptable.push(info);
    }
  }
  const [only] = feasible;
  if (!only) return { node: undefined, message: fitError(context.nodes.length, reasons), reasons, preemptable };
  if (feasible.length === 1) return { node: only.node.metadata.name };
  return { node: best(pod, feasible, plugins, states, random) };
}

/** Whether the Pod fits on this one node. */
export function fits(pod: Pod, info: NodeInfo, context: SchedulingContext, plugins: Plugin[]): boolean {
  const states = plugins.map((plugin) => plugin.prepare?.(pod, context));
  return !firstRefusal(pod, info, plugins, states);
}

/**
 * Refused with the Pods that are nominated to the node and no less important, or without them: they may come or not
 * (schedule_one.go RunFilterPluginsWithNominatedPods).
 */
function refusalOn(pod: Pod, info: NodeInfo, context: SchedulingContext, plugins: Plugin[], states: unknown[]) {
  const guests = context
    .nominated(info.node.metadata.name)
    .filter((one) => (one.spec.priority ?? 0) >= (pod.spec.priority ?? 0) && keyOf(one) !== keyOf(pod));
  if (guests.length > 0) {
    const crowded = withPods(info, guests);
    const nodes = context.nodes.map((one) => (one === info ? crowded : one));
    const crowdedStates = plugins.map((plugin) => plugin.prepare?.(pod, { ...context, nodes }));
    const refusal = firstRefusal(pod, crowded, plugins, crowdedStates);
    if (refusal) return refusal;
  }
  return firstRefusal(pod, info, plugins, states);
}

function firstRefusal(pod: Pod, info: NodeInfo, plugins: Plugin[], states: unknown[]) {
  for (const [i, plugin] of plugins.entries()) {
    const reasons = plugin.filter?.(pod, info, states[i]) ?? [];
    if (reasons.length > 0) return { plugin, reasons };
  }
  return undefined;
}

function best(pod: Pod, feasible: NodeInfo[], plugins: Plugin[], states: unknown[], random: () => number): string {
  const totals = new Array<number>(feasible.length).fill(0);
  for (const [i, plugin] of plugins.entries()) {
    if (!plugin.score) continue;
    const scores = feasible.map((info) => plugin.score?.(pod, info, states[i]) ?? 0);
    for (const [j, score] of normalised(scores, plugin.normalise).entries())
      totals[j] = (totals[j] ?? 0) + score * (plugin.weight ?? 1);
  }
  const highest = Math.max(...totals);
  const winners = feasible.filter((_, i) => totals[i] === highest);
  const winner = winners[Math.floor(random() * winners.length)] as NodeInfo;
  return winner.node.metadata.name;
}

function normalised(scores: number[], how: Plugin['normalise'] = 'max'): number[] {
  if (how === 'absolute') return scores;
  const min = Math.min(0, ...scores);
  const max = Math.max(...scores);
  if (max === min) return scores.map(() => (how === 'reverse' ? 100 : 0));
  return scores.map((score) => {
    const share = ((score - min) * 100) / (max - min);
    return how === 'reverse' ? 100 - share : share;
  });
}

/** '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.' (framework/types.go FitError). */
export function fitError(total: number, reasons: Map<string, string[]>): string {
  const counts = new Map<string, number>();
  for (const list of reasons.values()) for (const reason of list) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const texts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `${noneOf(total)}: ${texts.join(', ')}.`;
}

const noneOf = (total: number) => `0/${total} nodes are available`;
