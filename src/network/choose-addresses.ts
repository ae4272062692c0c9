import { createHash } from 'node:crypto';
import { overlaps } from '../base/cidr.ts';
import { UserError } from '../base/errors.ts';
import type { AddressPlan } from './address-plan.ts';

/**
 * Prefix length of each node's range of Pod addresses (kube-controller-manager's --node-cidr-mask-size): 64 nodes of
 * 1,022 Pods.
 */
export const nodePodPrefixLength = 22;

/**
 * Two /16 of 10.64.0.0–10.255.255.255 for one cluster, the first pair that no route of the host and no other cluster
 * reaches into. 10.N: Pods. 10.N+1: Services in the lower half, load balancers in the third quarter, nodes in the fourth.
 */
export function chooseAddresses(
  name: string,
  routes: { destination: string }[],
  existing: Pick<AddressPlan, 'podCidr' | 'serviceCidr' | 'loadBalancerCidr' | 'nodeCidr'>[],
): AddressPlan {
  const taken = [
    ...routes.map((route) => route.destination).filter((destination) => !destination.endsWith('/0')),
    ...existing.flatMap((plan) => [plan.podCidr, plan.serviceCidr, plan.loadBalancerCidr, plan.nodeCidr]),
  ];
  for (let n = 64; n < 256; n += 2) {
    const pair = `10.${n}.0.0/15`;
    if (!taken.some((cidr) => overlaps(cidr, pair))) return planOf(name, n);
  }
  throw new UserError('no free address range between 10.64.0.0 and 10.255.255.255', {
    hint: 'delete a cluster, or remove routes of this host that are too wide',
  });
}

function planOf(name: string, n: number): AddressPlan {
  const services = `10.${n + 1}`;
  return {
    podCidr: `10.${n}.0.0/16`,
    // The first of the ranges that the node IPAM controller gives to nodes.
    nodePodCidr: `10.${n}.0.0/${nodePodPrefixLength}`,
    nodeCidr: `${services}.192.0/18`,
    serviceCidr: `${services}.0.0/17`,
    loadBalancerCidr: `${services}.128.0/18`,
    nodeAddress: `${services}.192.1`,
    dnsServiceIp: `${services}.0.10`,
    hostLink: hostLinkName(name),
    nftTable: nftTableName(name),
  };
}

export const nftTableName = (cluster: string): string => `vitrine-${cluster}`;

/** Link names have at most 15 characters: a long cluster name is cut and told apart by a hash. */
export function hostLinkName(cluster: string): string {
  const plain = `vt-${cluster}`;
  if (plain.length <= 15 && /^[a-z0-9-]+$/.test(cluster)) return plain;
  return `vt-${cluster.replace(/[^a-z0-9]/g, '').slice(0, 5)}-${shortHash(cluster)}`;
}

/** This machine's end of what joins it with further nodes: 'vn-default' for a cluster whose own link is 'vt-default'. */
export const switchLink = ({ hostLink }: Pick<AddressPlan, 'hostLink'>): string => hostLink.replace(/^vt/, 'vn');

/** Hexadecimal digits that tell names apart. */
function shortHash(text: string, digits = 6): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
