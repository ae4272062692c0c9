import type { Pod, TopologySpreadConstraint } from '../../api/generated/core-v1.ts';
import { matchesNodeAffinity } from '../../api/node-selector.ts';
import { compileSelector } from '../../api/selectors.ts';
import { tolerates } from '../../api/tolerations.ts';
import type { Plugin, SchedulingContext } from '../plugin.ts';

/** Spreads Pods over topology domains within maxSkew (KEP-895, plugins/podtopologyspread). */
export const podTopologySpread: Plugin<Spread[]> = {
  name: 'PodTopologySpread',
  prepare: (pod, context) => (pod.spec.topologySpreadConstraints ?? []).map((one) => spread(one, pod, context)),
  filter: (_pod, { node }, state) => {
    for (const { constraint, domains, selfMatches, minimum } of state) {
      if (constraint.whenUnsatisfiable !== 'DoNotSchedule') continue;
      const value = node.metadata.labels?.[constraint.topologyKey];
      if (value === undefined) return ["node(s) didn't match pod topology spread constraints (missing required label)"];
      const skew = (domains.get(value) ?? 0) + (selfMatches ? 1 : 0) - minimum;
      if (skew > constraint.maxSkew) return ["node(s) didn't match pod topology spread constraints"];
    }
    return [];
  },
  weight: 2,
  normalise: 'reverse',
  score: (_pod, { node }, state) =>
    state
      .filter(({ constraint }) => constraint.whenUnsatisfiable === 'ScheduleAnyway')
      .reduce(
        (sum, { constraint, domains }) =>
          sum + (domains.get(node.metadata.labels?.[constraint.topologyKey] ?? '') ?? 0),
        0,
      ),
};

interface Spread {
  constraint: TopologySpreadConstraint;
  /** Matching Pods per domain that counts. */
  domains: Map<string, number>;
  /** The emptiest domain's count; 0 when there are fewer than minDomains. */
  minimum: number;
  selfMatches: boolean;
}

function spread(constraint: TopologySpreadConstraint, pod: Pod, context: SchedulingContext): Spread {
  const own = pod.metadata.labels ?? {};
  const selectsLabels = compileSelector(constraint.labelSelector);
  const selects = (labels: Record<string, string>) =>
    !!constraint.labelSelector &&
    selectsLabels(labels) &&
    (constraint.matchLabelKeys ?? []).every((key) => own[key] === undefined || labels[key] === own[key]);
  const domains = new Map<string, number>();
  for (const info of context.nodes) {
    const value = info.node.metadata.labels?.[constraint.topologyKey];
    if (value === undefined) continue;
    if ((constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor' && !matchesNodeAffinity(pod, info.node)) continue;
    if (
      constraint.nodeTaintsPolicy === 'Honor' &&
      (info.node.spec.taints ?? []).some((t) => t.effect !== 'PreferNoSchedule' && !tolerates(pod.spec.tolerations, t))
    )
      continue;
    let count = 0;
    for (const other of info.pods.values())
      if (
        !other.metadata.deletionTimestamp &&
        other.metadata.namespace === pod.metadata.namespace &&
        selects(other.metadata.labels ?? {})
      )
        count++;
    domains.set(value, (domains.get(value) ?? 0) + count);
  }
  const tooFew = constraint.minDomains !== undefined && domains.size < constraint.minDomains;
  const minimum = tooFew || domains.size === 0 ? 0 : Math.min(...domains.values());
  return { constraint, domains, minimum, selfMatches: selects(own) };
}
