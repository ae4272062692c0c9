import type { Plugin } from '../plugin.ts';

export const nodeName: Plugin = {
  name: 'NodeName',
  preemptionHelps: false,
  filter: (pod, { node }) =>
    !pod.spec.nodeName || pod.spec.nodeName === node.metadata.name
      ? []
      : ["node(s) didn't match the requested node name"],
};
