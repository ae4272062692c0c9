import { tolerates } from '../../api/tolerations.ts';
import type { Plugin } from '../plugin.ts';

const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' as const };

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  preemptionHelps: false,
  filter: (pod, { node }) =>
    !node.spec.unschedulable || tolerates(pod.spec.tolerations, taint) ? [] : ['node(s) were unschedulable'],
};
