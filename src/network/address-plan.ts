/**
 * The addresses of one cluster as one of its nodes sees them. The ranges are chosen at the cluster's first start, so that
 * they clash with no route of the host, and kept in cluster.json.
 */
export interface AddressPlan {
  /** Pods of all nodes, '10.97.0.0/16'. */
  podCidr: string;
  /** Pods of this node; a part of `podCidr`. */
  nodePodCidr: string;
  /** The nodes themselves. */
  nodeCidr: string;
  /** ClusterIPs. The first address is `kubernetes.default`, the tenth the DNS Service. */
  serviceCidr: string;
  /** Addresses of Services of type LoadBalancer. */
  loadBalancerCidr: string;
  /** The node's own address: the kubelet listens on it, on the first node the API server, too. */
  nodeAddress: string;
  /** ClusterIP of kube-system/kube-dns. */
  dnsServiceIp: string;
  /** The dummy link of this cluster on a node, at most 15 characters. */
  hostLink: string;
  /** The nftables table of this cluster ('vitrine-demo'). */
  nftTable: string;
}
