import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '../../api/generated/core-v1.ts';
import { compileSelector } from '../../api/selectors.ts';
import type { NodeInfo } from '../cluster-snapshot.ts';
import type { Plugin, SchedulingContext } from '../plugin.ts';

/** Pods near to, or away from, other Pods (kubernetes pkg/scheduler/framework/plugins/interpodaffinity). */
export const interPodAffinity: Plugin<State> = {
  name: 'InterPodAffinity',
  prepare: prepareState,
  filter: (_pod, { node }, state) => {
    const labels = node.metadata.labels ?? {};
    const inDomain = (one: Counted) => {
      const value = labels[one.topologyKey];
      return value !== undefined && (one.domains.get(value) ?? 0) > 0;
    };
    // The first Pod of a group that wants to be together may go anywhere that has the topology keys.
    const first = state.selfAffine && state.affinity.every((one) => one.domains.size === 0);
    const missing = state.affinity.some((one) => (first ? labels[one.topologyKey] === undefined : !inDomain(one)));
    if (missing) return ["node(s) didn't match pod affinity rules"];
    if (state.antiAffinity.some(inDomain)) return ["node(s) didn't match pod anti-affinity rules"];
    if (state.existingAntiAffinity.some(inDomain)) return ["node(s) didn't satisfy existing pods anti-affinity rules"];
    return [];
  },
  weight: 2,
  score: (_pod, { node }, state) =>
    state.preferred.reduce((sum, one) => {
      const value = node.metadata.labels?.[one.topologyKey];
      return sum + (value === undefined ? 0 : (one.domains.get(value) ?? 0) * one.weight);
    }, 0),
};

/** How many Pods match a term in each topology domain. */
interface Counted {
  topologyKey: string;
  domains: Map<string, number>;
}

interface State {
  affinity: Counted[];
  antiAffinity: Counted[];
  existingAntiAffinity: Counted[];
  preferred: (Counted & { weight: number })[];
  selfAffine: boolean;
}

function prepareState(pod: Pod, context: SchedulingContext): State {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const required = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const antiRequired = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const weighted = (terms: WeightedPodAffinityTerm[] | undefined, sign: number) =>
    (terms ?? []).map(({ weight, podAffinityTerm }) => ({
      ...countMatching(podAffinityTerm, pod, context),
      weight: sign * weight,
    }));
  return {
    affinity: required.map((term) => countMatching(term, pod, context)),
    antiAffinity: antiRequired.map((term) => countMatching(term, pod, context)),
    existingAntiAffinity: countExisting(pod, context),
    preferred: [
      ...weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
    selfAffine: required.length > 0 && required.every((term) => termSelects(term, pod, context)(pod)),
  };
}

function countMatching(term: PodAffinityTerm, owner: Pod, context: SchedulingContext): Counted {
  const selects = termSelects(term, owner, context);
  const domains = new Map<string, number>();
  for (const info of context.nodes) {
    const value = info.node.metadata.labels?.[term.topologyKey];
    if (value === undefined) continue;
    const count = matching(info, selects);
    if (count > 0) domains.set(value, (domains.get(value) ?? 0) + count);
  }
  return { topologyKey: term.topologyKey, domains };
}

function matching(info: NodeInfo, selects: (pod: Pod) => boolean): number {
  let count = 0;
  for (const pod of info.pods.values()) if (!pod.metadata.deletionTimestamp && selects(pod)) count++;
  return count;
}

/** Domains that Pods already there do not want this one in. */
function countExisting(pod: Pod, context: SchedulingContext): Counted[] {
  const found: Counted[] = [];
  for (const info of context.nodes)
    for (const existing of info.pods.values())
      for (const term of existing.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ??
        []) {
        const value = info.node.metadata.labels?.[term.topologyKey];
        if (value !== undefined && termSelects(term, existing, context)(pod))
          found.push({ topologyKey: term.topologyKey, domains: new Map([[value, 1]]) });
      }
  return found;
}

/** The namespaces of a term are those it lists, those its selector selects, or else the owner's own. */
function termSelects(term: PodAffinityTerm, owner: Pod, context: SchedulingContext): (pod: Pod) => boolean {
  const selects = compileSelector(term.labelSelector);
  const namespaces = new Set(term.namespaces ?? []);
  const bySelector = term.namespaceSelector ? compileSelector(term.namespaceSelector) : undefined;
  if (namespaces.size === 0 && !bySelector && owner.metadata.namespace) namespaces.add(owner.metadata.namespace);
  const selectsAlso = mergedKeys(term, owner);
  return (pod) => {
    const namespace = pod.metadata.namespace ?? '';
    if (!namespaces.has(namespace) && !bySelector?.(context.namespaceLabels(namespace))) return false;
    return !!term.labelSelector && selects(pod.metadata.labels ?? {}) && selectsAlso(pod.metadata.labels ?? {});
  };
}

/** matchLabelKeys and mismatchLabelKeys compare with the owner's own labels (KEP-3633). */
function mergedKeys(term: PodAffinityTerm, owner: Pod): (labels: Record<string, string>) => boolean {
  const own = owner.metadata.labels ?? {};
  return (labels) =>
    (term.matchLabelKeys ?? []).every((key) => own[key] === undefined || labels[key] === own[key]) &&
    (term.mismatchLabelKeys ?? []).every((key) => own[key] === undefined || labels[key] !== own[key]);
}
