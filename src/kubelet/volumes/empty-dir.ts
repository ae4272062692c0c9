import { chmod, chown, mkdir } from 'node:fs/promises';
import type { PodSpec, Volume } from '../../api/generated/core-v1.ts';
import { wholeValue } from '../quantity.ts';
import { podLimits } from '../resources.ts';
import { type ReadyVolume, type VolumeContext, volumeDir } from './volume.ts';

/** emptyDir: a directory on disk, or a file system of its own for medium Memory and HugePages (pkg/volume/emptydir). */
export async function setUpEmptyDir(context: VolumeContext, volume: Volume): Promise<ReadyVolume> {
  const { medium = '', sizeLimit } = volume.emptyDir ?? {};
  const hostPath = volumeDir(medium ? context.dirs.run : context.dirs.state, 'empty-dir', volume);
  const made = await mkdir(hostPath, { recursive: true });
  if (medium && !(await isMounted(context, hostPath))) {
    const { spec } = context.pod;
    const mount = medium.startsWith('HugePages')
      ? { type: 'hugetlbfs', data: `pagesize=${hugePageSize(spec, medium)}` }
      : { type: 'tmpfs', data: `size=${memorySize(spec, sizeLimit, context.facts.allocatable.memory)}` };
    await context.linux.mounts.mount({ ...mount, source: mount.type, target: hostPath, flags: ['nosuid', 'nodev'] });
  }
  const fsGroup = context.pod.spec.securityContext?.fsGroup;
  if (made || medium) {
    if (fsGroup !== undefined) await chown(hostPath, 0, fsGroup);
    // A tmpfs keeps the sticky bit that it is born with; fsGroup adds setgid (volume_linux.go changeFilePermission).
    await chmod(hostPath, (medium ? 0o1777 : 0o777) | (fsGroup === undefined ? 0 : 0o2000));
  }
  return { hostPath };
}

/** The least of what the Pod may use, what it says, and what all Pods may use (KEP-1967, calculateEmptyDirMemorySize). */
export function memorySize(spec: PodSpec, sizeLimit: string | undefined, allocatableBytes: number): number {
  const limits = [podLimits(spec).memoryBytes ?? 0, wholeValue(sizeLimit)].filter((bytes) => bytes > 0);
  return Math.min(allocatableBytes, ...limits);
}

/** 'HugePages-2Mi' names its size; 'HugePages' means the one size that the Pod asks for (getPageSizeMountOption). */
export function hugePageSize({ containers, initContainers = [] }: PodSpec, medium: string): string {
  const sizes = new Set(
    [...containers, ...initContainers].flatMap(({ resources }) =>
      Object.keys({ ...resources?.requests, ...resources?.limits })
        .filter((name) => name.startsWith('hugepages-'))
        .map((name) => name.slice('hugepages-'.length)),
    ),
  );
  const named = medium.startsWith('HugePages-') ? medium.slice('HugePages-'.length) : undefined;
  if (named && !sizes.has(named)) throw new Error(`pageSize ${named} of medium ${medium} is not requested by the pod`);
  const [size, ...others] = named ? [named] : sizes;
  if (!size || others.length > 0)
    throw new Error(
      size
        ? "medium HugePages can't be used with multiple page sizes"
        : 'hugePages storage requested, but there is no resource request for huge pages',
    );
  // The kernel knows K, M and G as powers of two.
  return size.replace(/i$/, '');
}

async function isMounted({ linux }: VolumeContext, target: string): Promise<boolean> {
  return (await linux.mounts.list(target)).some((mount) => mount.target === target);
}
