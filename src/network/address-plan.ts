/** The address ranges of one cluster, chosen at its first start so that they clash with no route of the host, then kept in cluster.json. */
export interface AddressPlan {
  /** Pods of all nodes, '10.97.0.0/16'. */
  podCidr: string;
  /** ClusterIPs. The first address is `kubernetes.default`, the tenth the DNS Service. */
  serviceCidr: string;
  /** Addresses of Services of type LoadBalancer. */
  loadBalancerCidr: string;
  /** The node's own address, on the cluster's dummy link: the API server and the kubelet listen on it. */
  nodeAddress: string;
  /** ClusterIP of kube-system/kube-dns. */
  dnsServiceIp: string;
  /** The dummy link of this cluster, at most 15 characters. */
  hostLink: string;
  /** The nftables table of this cluster ('vitrine-demo'). */
  nftTable: string;
}
