import { matchesNodeAffinity, matchesTerm } from '../../api/node-selector.ts';
import type { Plugin } from '../plugin.ts';

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  preemptionHelps: false,
  filter: (pod, { node }) =>
    matchesNodeAffinity(pod, node) ? [] : ["node(s) didn't match Pod's node affinity/selector"],
  weight: 2,
  score: (pod, { node }) =>
    (pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      .filter(({ preference }) => matchesTerm(preference, node))
      .reduce((sum, { weight }) => sum + weight, 0),
};
