import type { Node } from '../api/generated/core-v1.ts';
import { nodes } from '../api/resource.ts';
import type { Controller, ControllerContext, ControllerFactory } from '../client/controller.ts';
import { nextNodeRange } from './plan-node-ranges.ts';

export interface NodeIpamOptions {
  clusterCidr: string;
  /** Of each node's part (--node-cidr-mask-size). */
  prefixLength: number;
}

/** Gives each node that has none a range of addresses for its Pods (kubernetes pkg/controller/nodeipam, range_allocator.go). */
export function nodeIpamController(options: NodeIpamOptions): ControllerFactory {
  return ({ client, informers, events }: ControllerContext): Controller => {
    const all = informers.informer(nodes);
    /** Given by us, until the informer tells so, too; by node. */
    const given = new Map<string, string>();

    return {
      name: 'node-ipam',
      for: nodes,
      reconcile: async (name) => {
        const node = all.get(name);
        if (!node || node.spec.podCIDR) return void given.delete(name);
        const taken = [...all.list().flatMap(({ spec }) => spec.podCIDR ?? []), ...given.values()];
        const range = given.get(name) ?? nextNodeRange({ ...options, taken });
        if (range === undefined) {
          // As recordNodeStatusChange has it.
          events.event(node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
          throw new Error(`no range of ${options.clusterCidr} is left for node ${name}`);
        }
        given.set(name, range);
        await client.patch(nodes, name, undefined, { type: 'merge', body: rangeOf(node, range) });
      },
    };
  };
}

/** Only for the node that we know: one of the same name that came since asks again. */
const rangeOf = ({ metadata: { uid } }: Node, range: string) => ({
  metadata: { uid },
  spec: { podCIDR: range, podCIDRs: [range] },
});
