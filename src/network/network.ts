import type { Pod } from '../api/generated/core-v1.ts';

/** The node's network: an address per Pod, the service proxy, cluster DNS. One per cluster and node. */
export interface PodNetwork {
  /** Links, routes and nft table of the cluster; idempotent. */
  open(): Promise<void>;
  /**
   * Gives the sandbox's network namespace an address and connects it. The same id gets the same address again.
   * `hostPorts` of the node lead to it until it is detached; its traffic is held to `bandwidth`.
   */
  attach(sandboxId: string, netns: string, hostPorts?: HostPort[], bandwidth?: Bandwidth): Promise<PodAddress>;
  detach(sandboxId: string): Promise<void>;
  address(sandboxId: string): PodAddress | undefined;
  /** Tells which sandboxes exist, after a restart; the addresses of all others are freed. */
  retain(sandboxIds: string[]): Promise<void>;
  /** Removes every link, route and table of this cluster. */
  removeAll(): Promise<void>;
}

/** Rates in bits per second: `ingress` is what goes to the Pod. */
export interface Bandwidth {
  ingress?: number;
  egress?: number;
}

/** A port of a container that is to be reached at the node (core/v1 ContainerPort). */
export interface HostPort {
  protocol: 'TCP' | 'UDP' | 'SCTP';
  hostPort: number;
  /** @default every address of the node */
  hostIP?: string;
  containerPort: number;
}

export interface PodAddress {
  ip: string;
  mac: string;
  hostLink: string;
}

/** What NetworkPolicies ask for, from a Pod's first packet on (networking.k8s.io/v1). */
export interface PodIsolation {
  /** A Pod of this node has got its address: resolves once what isolates it is in the kernel. */
  protect(pod: Pod, address: string): Promise<void>;
}

/** Programs Services into the kernel; follows Services and EndpointSlices through informers. */
export interface ServiceProxy {
  start(): Promise<void>;
  /** Resolves when everything the informers know is in the kernel. */
  whenSynced(): Promise<void>;
  stop(): Promise<void>;
}

/** Answers for cluster.local over UDP and TCP, forwards the rest to the host's resolvers (Kubernetes DNS-Based Service Discovery 1.1). */
export interface DnsServer {
  start(): Promise<void>;
  stop(): Promise<void>;
}
