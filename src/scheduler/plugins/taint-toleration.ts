import { tolerates } from '../../api/tolerations.ts';
import type { Plugin } from '../plugin.ts';

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  preemptionHelps: false,
  filter: (pod, { node }) => {
    const refused = (node.spec.taints ?? []).some(
      (one) => (one.effect === 'NoSchedule' || one.effect === 'NoExecute') && !tolerates(pod.spec.tolerations, one),
    );
    return refused ? ['node(s) had untolerated taint(s)'] : [];
  },
  weight: 3,
  normalise: 'reverse',
  score: (pod, { node }) =>
    (node.spec.taints ?? []).filter((one) => one.effect === 'PreferNoSchedule' && !tolerates(pod.spec.tolerations, one))
      .length,
};
