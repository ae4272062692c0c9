import type { Plugin } from '../plugin.ts';
import { tolerates } from '../tolerations.ts';

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  preemptionHelps: false,
  filter: (pod, { node }) => {
    const taint = (node.spec.taints ?? []).find(
      (one) => (one.effect === 'NoSchedule' || one.effect === 'NoExecute') && !tolerates(pod.spec.tolerations, one),
    );
    return taint ? [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`] : [];
  },
  weight: 3,
  normalise: 'reverse',
  score: (pod, { node }) =>
    (node.spec.taints ?? []).filter((one) => one.effect === 'PreferNoSchedule' && !tolerates(pod.spec.tolerations, one))
      .length,
};
