import type { Endpoints, Service } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import type { Draft } from '../api/object.ts';
import type { AddressPlan } from './address-plan.ts';

export interface DnsObjects {
  service: Draft<Service>;
  endpoints: Draft<Endpoints>;
  slice: Draft<EndpointSlice>;
}

const name = 'kube-dns';
const namespace = 'kube-system';

/**
 * The Service by which Pods ask for names, with the endpoint where the node listens: to the service proxy a Service like any
 * other. It has no selector, so no controller touches its endpoints; created by the cluster's start.
 */
export function dnsObjects(plan: AddressPlan, port = 53): DnsObjects {
  const labels = { 'k8s-app': name, 'kubernetes.io/name': 'CoreDNS', 'kubernetes.io/cluster-service': 'true' };
  const ports = [
    { name: 'dns', port, protocol: 'UDP' as const },
    { name: 'dns-tcp', port, protocol: 'TCP' as const },
  ];
  return {
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, labels },
      spec: {
        type: 'ClusterIP',
        clusterIP: plan.dnsServiceIp,
        clusterIPs: [plan.dnsServiceIp],
        ports: ports.map((entry) => ({ ...entry, port: 53, targetPort: port })),
      },
    },
    endpoints: {
      apiVersion: 'v1',
      kind: 'Endpoints',
      // Its slice is made here too: the mirroring controller would make another (KEP-1713).
      metadata: { name, namespace, labels: { ...labels, 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [{ addresses: [{ ip: plan.nodeAddress }], ports }],
    },
    slice: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-node`, namespace, labels: { ...labels, 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports,
      endpoints: [{ addresses: [plan.nodeAddress], conditions: { ready: true, serving: true, terminating: false } }],
    },
  };
}
