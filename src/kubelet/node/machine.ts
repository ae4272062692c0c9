import { statfs } from 'node:fs/promises';
import type { NodeSystemInfo } from '../../api/generated/core-v1.ts';
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

/** The Kubernetes version whose behaviour this node follows. */
const kubeletVersion = 'v1.36.0';

export async function readMachine(stateDir: string): Promise<Machine> {
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
      containerRuntimeVersion: 'vitrine://0.1.0',
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: system.architecture,
      ...(system.swapBytes > 0 && { swap: { capacity: system.swapBytes } }),
    },
  };
}

/** Of the directory, or of the root while the directory does not exist yet. */
const fileSystem = (directory: string) => statfs(directory).catch(() => statfs('/'));
