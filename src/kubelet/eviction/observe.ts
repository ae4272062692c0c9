import { readDiskUsage, readMemory, readSystemUsage } from '../../linux/system-info.ts';
import type { NodeContext } from '../node-context.ts';
import { kubepods } from '../resources.ts';
import type { Observation, Observations } from './plan-eviction.ts';
import type { Signal } from './thresholds.ts';

/**
 * What is free on the node now. Memory is what the kernel says can be had without swapping (MemAvailable); processes are
 * counted as pid_max counts them: threads. nodefs holds writable layers, logs and volumes, imagefs the image store.
 */
export async function observeSignals({ linux, paths }: Pick<NodeContext, 'linux' | 'paths'>): Promise<Observations> {
  const memory = readMemory();
  const most = ['kernel.pid_max', 'kernel.threads-max'].map((name) => Number(linux.sysctl.get(name)) || Infinity);
  const pids = Math.min(...most);
  const observations: Observations = {
    'memory.available': { available: memory.MemAvailable ?? 0, capacity: memory.MemTotal ?? 0 },
    ...ofFileSystem('nodefs', paths.state),
    ...ofFileSystem('imagefs', paths.images),
  };
  const { memoryLimitBytes, workingSetBytes } = await linux.cgroups.usage(kubepods(paths.cgroup));
  if (memoryLimitBytes !== undefined)
    observations['allocatableMemory.available'] = {
      available: memoryLimitBytes - workingSetBytes,
      capacity: memoryLimitBytes,
    };
  if (Number.isFinite(pids))
    observations['pid.available'] = { available: pids - readSystemUsage().processes, capacity: pids };
  return observations;
}

/** File systems without a count of inodes (btrfs) cannot run out of them. */
function ofFileSystem(name: 'nodefs' | 'imagefs', directory: string): Observations {
  try {
    const { availableBytes, capacityBytes, inodes, inodesFree } = readDiskUsage(directory);
    const space: [Signal, Observation][] = [
      [`${name}.available`, { available: availableBytes, capacity: capacityBytes }],
    ];
    if (inodes > 0) space.push([`${name}.inodesFree`, { available: inodesFree, capacity: inodes }]);
    return Object.fromEntries(space);
  } catch {
    // Not there yet.
    return {};
  }
}
