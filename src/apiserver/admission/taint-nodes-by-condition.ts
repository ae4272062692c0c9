import type { Node, Taint } from '../../api/generated/core-v1.ts';
import type { AdmissionPlugin } from '../request.ts';
import { isResource } from './refuse.ts';

const key = 'node.kubernetes.io/not-ready';
const effect = 'NoSchedule';

/** A new node takes no Pods before it has said that it is ready (plugin/pkg/admission/nodetaint). */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: (attributes) => isResource(attributes, '', 'nodes') && attributes.operation === 'CREATE',
  async admit({ object }) {
    const node = object as Node;
    const taints = node.spec?.taints ?? [];
    if (taints.some((taint) => taint.key === key && taint.effect === effect)) return;
    node.spec = { ...node.spec, taints: [...taints, { key, effect } as Taint] };
  },
};
