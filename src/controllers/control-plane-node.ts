import { nodes } from '../api/resource.ts';
import type { Controller, ControllerContext, ControllerFactory } from '../client/controller.ts';

const roleLabel = 'node-role.kubernetes.io/control-plane';

/**
 * Says of the node beside the control plane that it is there (kubeadm's phase mark-control-plane, without the taint). A
 * node must not say so of itself: the NodeRestriction admission refuses it.
 */
export function controlPlaneNodeController(nodeName: string): ControllerFactory {
  return ({ client, informers }: ControllerContext): Controller => {
    const all = informers.informer(nodes);
    return {
      name: 'control-plane-node',
      for: nodes,
      reconcile: async (name) => {
        const node = all.get(name);
        if (!node || name !== nodeName || roleLabel in (node.metadata.labels ?? {})) return;
        const body = { metadata: { labels: { [roleLabel]: '' } } };
        await client.patch(nodes, name, undefined, { type: 'merge', body });
      },
    };
  };
}
