import { chmod, chown, mkdir } from 'node:fs/promises';
import type { Volume } from '../../api/generated/core-v1.ts';
import { wholeValue } from '../quantity.ts';
import { type ReadyVolume, type VolumeContext, volumeDir } from './volume.ts';

/** emptyDir: a directory on disk, or a tmpfs of its own for medium Memory (pkg/volume/emptydir). */
export async function setUpEmptyDir(context: VolumeContext, volume: Volume): Promise<ReadyVolume> {
  const { medium, sizeLimit } = volume.emptyDir ?? {};
  const memory = medium === 'Memory';
  const hostPath = volumeDir(memory ? context.dirs.run : context.dirs.state, 'empty-dir', volume);
  const made = await mkdir(hostPath, { recursive: true });
  if (memory && !(await isMounted(context, hostPath))) {
    const size = wholeValue(sizeLimit);
    await context.linux.mounts.mount({
      source: 'tmpfs',
      target: hostPath,
      type: 'tmpfs',
      flags: ['nosuid', 'nodev'],
      ...(size > 0 && { data: `size=${size}` }),
    });
  }
  const fsGroup = context.pod.spec.securityContext?.fsGroup;
  if (made || memory) {
    if (fsGroup !== undefined) await chown(hostPath, 0, fsGroup);
    // A tmpfs keeps the sticky bit that it is born with; fsGroup adds setgid (volume_linux.go changeFilePermission).
    await chmod(hostPath, (memory ? 0o1777 : 0o777) | (fsGroup === undefined ? 0 : 0o2000));
  }
  return { hostPath };
}

async function isMounted({ linux }: VolumeContext, target: string): Promise<boolean> {
  return (await linux.mounts.list(target)).some((mount) => mount.target === target);
}
