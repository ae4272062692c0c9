/** What a node has on disk, in the kernel, and in the API, as far as the three have to agree. */
export interface NodeFacts {
  sandboxes: SandboxFacts[];
  containers: ContainerFacts[];
  /** Mount points below the runtime's and the kubelet's directories, with the directory that owns each. */
  mounts: { target: string; owner: Owner }[];
  /** Directories, files and records by their owner. */
  remains: { path: string; owner: Owner }[];
  /** Monitors and crun processes, by the container that they name. */
  monitors: { pid: number; container: string | undefined }[];
  /** Links of this cluster's Pods. */
  links: string[];
  /** Links that hold back what comes from a Pod, each with the Pod's link. */
  shapers: { name: string; link: string }[];
  /** Addresses given, by sandbox. */
  addresses: ReadonlyMap<string, string>;
  /** Addresses that a route leads to. */
  routed: ReadonlySet<string>;
  /** Cgroups of Pods, by UID. */
  podCgroups: { path: string; uid: string }[];
  /** Whether the cluster's own link and nftables tables are there, as those of a node that is not stopped have to be. */
  network: { link: boolean; tables: string[]; missingTables: string[] };
  /** Pods of the node in the API; undefined when it does not answer. */
  pods: ReadonlyMap<string, { name: string; phase: string; running: string[]; terminating: boolean }> | undefined;
}

export type Owner = { container: string } | { sandbox: string } | { pod: string };

export interface SandboxFacts {
  id: string;
  pod: string;
  cgroupExists: boolean;
  /** Name of its link; absent on the host's network. */
  link: string | undefined;
  /** Namespaces whose pin is no mount (any more). */
  unpinned: string[];
}

export interface ContainerFacts {
  id: string;
  sandbox: string;
  /** 'created' has no started.json, 'exited' a finished.json. */
  state: 'created' | 'running' | 'exited';
  processAlive: boolean;
  monitorAlive: boolean;
  rootMounted: boolean;
  cgroupExists: boolean;
  /** Whether the monitor has noted an exit code. */
  exitNoted: boolean;
}

/** Something that is not as it should be. */
export interface Finding {
  area: 'container' | 'sandbox' | 'mount' | 'process' | 'network' | 'cgroup' | 'disk' | 'api' | 'store' | 'images';
  about: string;
  problem: string;
}
