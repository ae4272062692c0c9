import type { AddressPlan } from '../address-plan.ts';

/** The table of NetworkPolicies: one of its own, so that it can be replaced as a whole. */
export function policyTable(plan: AddressPlan): string {
  return `${plan.nftTable}-policies`;
}

/**
 * A Pod that a policy isolates is a key of `egress` or `ingress`; the chain that it leads to accepts or drops. Each
 * direction is a base chain: what one accepts, the other still sees.
 * - After the Services (priority filter): addresses are those of Pods by then.
 * - What the node itself sends passes through neither hook: probes always arrive.
 * - Answers belong to what was let through; a Pod can always reach itself.
 */
export function policySkeleton(plan: AddressPlan): string {
  const table = policyTable(plan);
  const known = 'ct state established,related accept; ip saddr . ip daddr @selves accept;';
  return `${removePolicies(plan)}table ip ${table} {
  comment "vitrine: NetworkPolicies"
  map egress { type ipv4_addr : verdict; }
  map ingress { type ipv4_addr : verdict; }
  set selves { type ipv4_addr . ipv4_addr; }
  chain egress-forward { type filter hook forward priority filter + 1; policy accept; ${known} ip saddr vmap @egress; }
  chain egress-input { type filter hook input priority filter + 1; policy accept; ${known} ip saddr vmap @egress; }
  chain ingress-forward { type filter hook forward priority filter + 2; policy accept; ${known} ip daddr vmap @ingress; }
}
`;
}

/** Removes the table, whether or not it is there. */
export function removePolicies(plan: AddressPlan): string {
  const table = policyTable(plan);
  return `add table ip ${table}\ndelete table ip ${table}\n`;
}
