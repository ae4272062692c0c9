import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import os from 'node:os';
import type { NodeSystemInfo } from '../../api/generated/core-v1.ts';

/** What the machine has. */
export interface Machine {
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  info: NodeSystemInfo;
}

/** The Kubernetes version whose behaviour this node follows. */
const kubeletVersion = 'v1.36.0';

export async function readMachine(stateDir: string): Promise<Machine> {
  const disk = await statfs(stateDir).catch(() => statfs('/'));
  return {
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    diskBytes: disk.blocks * disk.bsize,
    info: systemInfo(),
  };
}

/** Share of the disk that is free, and memory that is available. */
export async function readUse(stateDir: string): Promise<{ availableDisk: number; availableMemoryBytes: number }> {
  const disk = await statfs(stateDir).catch(() => statfs('/'));
  return { availableDisk: disk.bavail / disk.blocks, availableMemoryBytes: os.freemem() };
}

function systemInfo(): NodeSystemInfo {
  const line = (file: string) => {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      return '';
    }
  };
  const machineID = line('/etc/machine-id');
  const osRelease = line('/etc/os-release');
  // Changes with each boot, as the kernel's own boot id does.
  const bootMinute = Math.round((Date.now() / 1000 - os.uptime()) / 60);
  return {
    machineID,
    systemUUID: line('/sys/class/dmi/id/product_uuid') || machineID,
    bootID: `${machineID.slice(0, 8)}-${bootMinute.toString(16).padStart(12, '0')}`,
    kernelVersion: os.release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? 'Linux',
    containerRuntimeVersion: 'vitrine://0.1.0',
    kubeletVersion,
    kubeProxyVersion: '',
    operatingSystem: 'linux',
    architecture: os.arch() === 'x64' ? 'amd64' : os.arch(),
  };
}
