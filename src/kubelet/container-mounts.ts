import path from 'node:path';
import type { Container as ContainerDef, VolumeMount } from '../api/generated/core-v1.ts';
import type { Linux } from '../linux/linux.ts';
import type { ContainerMount, ContainerSpec } from '../runtime/runtime.ts';
import { expand } from './env/expand.ts';
import type { PodDirs } from './pod-files.ts';
import { bindSubPath, subPathTarget } from './volumes/sub-path.ts';
import type { ReadyVolume } from './volumes/volume.ts';

const propagations = { Bidirectional: 'bidirectional', HostToContainer: 'hostToContainer', None: 'private' } as const;

/** Files that the kubelet writes for each Pod, unless a volume is in their place. */
const podFiles = ['hosts', 'resolv.conf', 'hostname'];

interface MountContext {
  linux: Linux;
  definition: ContainerDef;
  volumes: ReadonlyMap<string, ReadyVolume>;
  dirs: PodDirs;
  /** The container's environment, for subPathExpr. */
  env: ReadonlyMap<string, string>;
}

/** What is mounted in a container: its volumes, and the Pod's own files (kubelet_pods.go makeMounts). */
export async function containerMounts(context: MountContext): Promise<ContainerMount[]> {
  const { definition, dirs } = context;
  const list: ContainerMount[] = [];
  for (const [index, mount] of (definition.volumeMounts ?? []).entries())
    list.push(await volumeMount(context, mount, index));
  const taken = new Set(list.map(({ containerPath }) => containerPath));
  for (const name of podFiles) {
    const containerPath = `/etc/${name}`;
    if (taken.has(containerPath)) continue;
    list.push({ hostPath: path.join(dirs.run, `etc-${name}`), containerPath, readOnly: false, propagation: 'private' });
  }
  return list;
}

/** Block volumes of a container (kubelet_pods.go makeBlockVolumes). */
export function containerDevices({ definition, volumes }: Pick<MountContext, 'definition' | 'volumes'>): {
  devices?: ContainerSpec['devices'];
} {
  if (!definition.volumeDevices?.length) return {};
  const devices = definition.volumeDevices.map(({ name, devicePath }) => {
    const { device, readOnly } = readyVolume(volumes, name, definition);
    if (!device) throw new Error(`volume ${name} has volumeMode Filesystem, but is specified in volumeDevices`);
    return { path: device, containerPath: devicePath, permissions: readOnly ? 'r' : 'mrw' };
  });
  return { devices };
}

async function volumeMount(
  { linux, definition, volumes, dirs, env }: MountContext,
  mount: VolumeMount,
  index: number,
): Promise<ContainerMount> {
  const volume = readyVolume(volumes, mount.name, definition);
  if (volume.device) throw new Error(`volume ${mount.name} has volumeMode Block, but is specified in volumeMounts`);
  const subPath = mount.subPathExpr ? expandStrictly(mount.subPathExpr, env) : mount.subPath;
  const target = subPathTarget(dirs.run, mount.name, definition.name, index);
  return {
    hostPath: subPath ? await bindSubPath(linux, { volume: volume.hostPath, subPath, target }) : volume.hostPath,
    containerPath: path.isAbsolute(mount.mountPath) ? mount.mountPath : `/${mount.mountPath}`,
    readOnly: Boolean(mount.readOnly || volume.readOnly),
    propagation: propagations[mount.mountPropagation ?? 'None'],
    ...(isRecursive(mount) && { recursiveReadOnly: true }),
    ...(volume.noExec && { noExec: true }),
  };
}

/** KEP-3857: Linux 5.12 (mount_setattr) and every crun that we start have it, so IfPossible means Enabled. */
export const isRecursive = ({ recursiveReadOnly: mode }: VolumeMount): boolean =>
  mode === 'Enabled' || mode === 'IfPossible';

function readyVolume(volumes: ReadonlyMap<string, ReadyVolume>, name: string, definition: ContainerDef): ReadyVolume {
  const volume = volumes.get(name);
  if (!volume) throw new Error(`volume "${name}" of container "${definition.name}" is not mounted`);
  return volume;
}

function expandStrictly(text: string, env: ReadonlyMap<string, string>): string {
  const value = expand(text, env);
  if (/\$\([^)]*\)/.test(value)) throw new Error(`failed to expand subPath of '${text}': missing value`);
  return value;
}
