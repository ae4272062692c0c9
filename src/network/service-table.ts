import type { AddressPlan } from './address-plan.ts';
import { switchLink } from './choose-addresses.ts';

/**
 * The table with everything but the Services. The lookups are maps, so their cost does not grow with the Services.
 * - What comes from elsewhere and goes on to another node is masqueraded: the answer has to come back through here.
 * - Cluster DNS answers on its own address on each node (pod-network.ts) and needs neither address translation nor
 *   connection tracking, whose entries would race for parallel questions (as NodeLocal DNSCache, KEP-1024).
 */
export function tableSkeleton(plan: AddressPlan): string {
  const table = plan.nftTable;
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
  comment "vitrine: Services"
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map node-ports { type inet_proto . inet_service : verdict; }
  set hairpin { type ipv4_addr . ipv4_addr; }
  set external-endpoints { type ipv4_addr . inet_proto . inet_service; }
  set no-endpoint-ips { type ipv4_addr . inet_proto . inet_service; }
  set no-endpoint-ports { type inet_proto . inet_service; }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @node-ports
  }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
  chain output { type nat hook output priority -100; policy accept; jump services; }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
    ct status dnat ip daddr { ${plan.podCidr}, ${plan.nodeCidr} } ip daddr != ${plan.nodePodCidr} ip saddr != ${plan.nodePodCidr} fib saddr type != local masquerade fully-random
    ct status dnat ip daddr . meta l4proto . th dport @external-endpoints fib daddr type != local masquerade fully-random
  }
  chain dns {
    ip daddr ${plan.dnsServiceIp} meta l4proto { tcp, udp } th dport 53 notrack
    ip saddr ${plan.dnsServiceIp} meta l4proto { tcp, udp } th sport 53 notrack
  }
  chain raw-prerouting { type filter hook prerouting priority raw; policy accept; jump dns; }
  chain raw-output { type filter hook output priority raw; policy accept; jump dns; }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain no-endpoints {
    ip daddr { ${plan.serviceCidr}, ${plan.loadBalancerCidr} } goto refuse
    ip daddr . meta l4proto . th dport @no-endpoint-ips goto refuse
  }
  chain filter-output { type filter hook output priority filter; policy accept; ct state new jump no-endpoints; }
  chain filter-forward {
    type filter hook forward priority filter; policy accept;
    ct state new oifname != "${switchLink(plan)}" jump no-endpoints
  }
  chain filter-input {
    type filter hook input priority filter; policy accept;
    ct state new meta l4proto . th dport @no-endpoint-ports goto refuse
    ct state new jump no-endpoints
  }
}
`;
}
