import type { Endpoints, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { Draft } from '../../api/object.ts';

/** Where the API server is: as Pods reach it, and where it really listens. */
export interface ApiServerAddress {
  /** First address of the Service range. */
  clusterIp: string;
  /** Address and port on which the API server listens; the address must not be a loopback one. */
  address: string;
  port: number;
}

const name = 'kubernetes';
const namespace = 'default';

/** default/kubernetes (pkg/controlplane/controller/kubernetesservice). */
export function kubernetesService({ clusterIp, port }: ApiServerAddress): Draft<Service> {
  return {
    metadata: { name, namespace, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ipFamilies: [clusterIp.includes(':') ? 'IPv6' : 'IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    },
  };
}

/** The label keeps the mirroring controller away: the EndpointSlice below is ours (pkg/controlplane/reconcilers). */
export function kubernetesEndpoints({ address, port }: ApiServerAddress): Draft<Endpoints> {
  return {
    metadata: { name, namespace, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  };
}

export function kubernetesEndpointSlice({ address, port }: ApiServerAddress): Draft<EndpointSlice> {
  return {
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}
