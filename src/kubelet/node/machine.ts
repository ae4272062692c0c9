import { statfs } from 'node:fs/promises';
import type { NodeSystemInfo } from '../../api/generated/core-v1.ts';
import { kubernetesVersion } from '../../api/generated/kubernetes-version.ts';
import { readSystemInfo } from '../../linux/system-info.ts';

/** What the machine has. */
export interface Machine {
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  /** Bytes of preallocated huge pages by size ('2Mi'). */
  hugepages: Record<string, number>;
  info: NodeSystemInfo;
}

/** @param version of Vitrine, which is the container runtime. */
export async function readMachine(stateDir: string, version: string): Promise<Machine> {
  const system = readSystemInfo();
  const disk = await fileSystem(stateDir);
  return {
    cpus: system.cpus,
    memoryBytes: system.memoryBytes,
    diskBytes: disk.blocks * disk.bsize,
    hugepages: system.hugepages,
    info: {
      machineID: system.machineId,
      systemUUID: system.systemUuid,
      bootID: system.bootId,
      kernelVersion: system.kernelVersion,
      osImage: system.osImage,
      containerRuntimeVersion: `vitrine://${version}`,
      kubeletVersion: `v${kubernetesVersion}+vitrine`,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: system.architecture,
      ...(system.swapBytes > 0 && { swap: { capacity: system.swapBytes } }),
    },
  };
}

/** Of the directory, or of the root while the directory does not exist yet. */
const fileSystem = (directory: string) => statfs(directory).catch(() => statfs('/'));
