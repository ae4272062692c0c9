import type { Linux } from '../linux/linux.ts';
import { kubepods } from './resources.ts';

/** The tree that Pods' cgroups hang in (kubelet cm/qos_container_manager_linux.go). */
export async function makeCgroups(linux: Linux, cluster: string, memoryBytes: number): Promise<void> {
  const root = kubepods(cluster);
  await linux.cgroups.create(root, { memoryBytes });
  await linux.cgroups.create(`${root}/burstable`, { cpuShares: 2 });
  await linux.cgroups.create(`${root}/besteffort`, { cpuShares: 2 });
}
