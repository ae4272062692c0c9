import type { AddressPlan } from './address-plan.ts';
import { hostPortRules } from './host-ports.ts';

/** The table of the Pod network; the service proxy has one of its own, so that either can be replaced as a whole. */
export function podTable(plan: AddressPlan): string {
  return `${plan.nftTable}-pods`;
}

/**
 * - Pods, and other nodes that we are the gateway of, are masqueraded when they speak to the world, never to each other or
 *   to a node, which see who calls.
 * - A Pod may not send from an address that is not routed to it, nor to 127/8 of the host (CVE-2020-8558).
 */
export function podRules(plan: AddressPlan, linkPrefix: string): string {
  const table = podTable(plan);
  const inside = `{ ${plan.podCidr}, ${plan.nodeCidr} }`;
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
  comment "vitrine: Pod network"
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${inside} ip daddr != ${inside} oifname != "${linkPrefix}*" fib saddr type != local fib daddr type != local masquerade fully-random
  }
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname "${linkPrefix}*" ip daddr 127.0.0.0/8 drop
    iifname "${linkPrefix}*" fib saddr . iif oif missing drop
  }${hostPortRules(linkPrefix)}
}
`;
}
