import type { Service } from '../api/generated/core-v1.ts';

/** '80→8080/TCP (node port 30080)'. */
export function describePorts({ spec }: Service): string[] {
  return (spec.ports ?? []).map(({ port, targetPort, protocol = 'TCP', nodePort }) => {
    const node = nodePort ? ` (node port ${nodePort})` : '';
    return `${port}→${targetPort ?? port}/${protocol}${node}`;
  });
}

/** Where its load balancer is, in kubectl's words. */
export function describeLoadBalancer({ status }: Service): string {
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname);
  return addresses.join(' ') || '<pending>';
}
