import type { Service } from '../generated/core-v1.ts';
import { age, ageOf, type ColumnsEntry, column, entry, formatLabels, name, wide } from './column.ts';

export const serviceColumns: ColumnsEntry[] = [
  entry<Service>('core/v1.Service', {
    definitions: [
      name,
      column('Type', 'How far the Service can be reached.'),
      column('Cluster-IP', 'Address of the Service within the cluster.'),
      column('External-IP', 'Addresses of the Service outside the cluster.'),
      column('Port(s)', 'Ports, with their node ports.'),
      age,
      wide('Selector', 'Labels of the Pods behind the Service.'),
    ],
    cells: (service, now) => [
      service.metadata.name,
      service.spec?.type ?? '',
      service.spec?.clusterIPs?.[0] ?? '<none>',
      externalIP(service),
      ports(service) || '<none>',
      ageOf(service, now),
      formatLabels(service.spec?.selector),
    ],
  }),
];

function externalIP({ spec, status }: Service): string {
  const external = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return external.join(',') || '<none>';
    case 'LoadBalancer':
      return [...loadBalancerAddresses(status?.loadBalancer), ...external].join(',') || '<pending>';
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

/** Addresses that a load balancer has, sorted and each once. */
export function loadBalancerAddresses(
  status: { ingress?: { ip?: string; hostname?: string }[] } | undefined,
): string[] {
  const addresses = (status?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  return [...new Set(addresses.filter(Boolean))].sort();
}

function ports({ spec }: Service): string {
  const texts = (spec?.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return texts.join(',');
}
