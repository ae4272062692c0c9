import type { Pod } from '../../api/generated/core-v1.ts';

export interface DiskUse {
  bytes: number;
  inodes: number;
}

/** What one running Pod uses. */
export interface PodUsage {
  pod: Pod;
  /** Working set of the Pod's cgroup. Undefined: could not be read. */
  memoryBytes: number | undefined;
  processes: number;
  containers: ContainerUsage[];
  /** Of its emptyDir volumes, by name; those in memory are not on disk. */
  volumes: { name: string; use: DiskUse; memory: boolean }[];
}

export interface ContainerUsage {
  name: string;
  memoryBytes: number;
  /** Its writable layer. */
  rootfs: DiskUse;
  logs: DiskUse;
}

/** What a Pod has on the node's disk: writable layers, logs and emptyDir volumes (eviction/helpers.go podDiskUsage). */
export function diskUse({ containers, volumes }: PodUsage): DiskUse {
  const parts = [
    ...containers.flatMap(({ rootfs, logs }) => [rootfs, logs]),
    ...volumes.filter(({ memory }) => !memory).map(({ use }) => use),
  ];
  return {
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    inodes: parts.reduce((sum, { inodes }) => sum + inodes, 0),
  };
}
