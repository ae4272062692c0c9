import { stat } from 'node:fs/promises';
import type { PersistentVolumeSpec, Volume } from '../../api/generated/core-v1.ts';
import { persistentVolumeClaims, persistentVolumes } from '../../api/resource.ts';
import { persistentSource } from '../csi/csi-source.ts';
import { setUpHostPath } from './host-path.ts';
import { setOwnership } from './ownership.ts';
import type { ReadyVolume, VolumeContext } from './volume.ts';

/** A claim (named, or made for a generic ephemeral volume) that is bound to a hostPath, local or CSI PersistentVolume. */
export async function setUpClaim(context: VolumeContext, volume: Volume): Promise<ReadyVolume> {
  const { client, pod } = context;
  const namespace = pod.metadata.namespace ?? '';
  const name = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`;
  const claim = await client.get(persistentVolumeClaims, name, namespace);
  if (volume.ephemeral && !claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid))
    throw new Error(
      `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
    );
  if (claim.metadata.deletionTimestamp)
    throw new Error(`error processing PVC ${namespace}/${name}: PVC is being deleted`);
  if (claim.status?.phase !== 'Bound' || !claim.spec?.volumeName)
    throw new Error(`error processing PVC ${namespace}/${name}: PVC is not bound`);
  const { spec } = await client.get(persistentVolumes, claim.spec.volumeName);
  const readOnly = volume.persistentVolumeClaim?.readOnly === true;
  const exclusive = spec.accessModes?.includes('ReadWriteOncePod') && { exclusive: claim.spec.volumeName };
  const ready = await setUpVolume(context, spec, claim.spec.volumeName, readOnly);
  return {
    ...ready,
    readOnly: readOnly || ready.readOnly === true,
    claim: { namespace, name },
    persistentVolume: claim.spec.volumeName,
    ...exclusive,
  };
}

function setUpVolume(
  context: VolumeContext,
  spec: PersistentVolumeSpec,
  volumeName: string,
  readOnly: boolean,
): Promise<ReadyVolume> {
  if (spec.csi) return context.csi.setUp(context.pod, persistentSource(volumeName, spec, readOnly));
  if (spec.volumeMode === 'Block') return setUpBlock(context, spec, volumeName);
  if (spec.hostPath) return setUpHostPath(context, spec.hostPath);
  return setUpLocal(context, spec, volumeName, readOnly);
}

/**
 * local: a directory, or a device (or a file that stands for one) with a file system. It belongs to the volume alone, so
 * that it can be given to the Pod's group (pkg/volume/local).
 */
async function setUpLocal(
  { pod, localDevices }: VolumeContext,
  spec: PersistentVolumeSpec,
  volumeName: string,
  readOnly: boolean,
): Promise<ReadyVolume> {
  const { local } = spec;
  if (!local) throw new Error(`no volume plugin matched PersistentVolume ${volumeName}`);
  const isDevice = !(await found(local.path)).isDirectory();
  const hostPath = isDevice ? await localDevices.mount(pod.metadata.uid, volumeName, local.path, spec) : local.path;
  const { fsGroup, fsGroupChangePolicy: policy } = pod.spec.securityContext ?? {};
  if (fsGroup !== undefined) await setOwnership(hostPath, { fsGroup, readOnly, ...(policy && { policy }) });
  return { hostPath, ...(isDevice && { expand: () => localDevices.grow(volumeName, local.path) }) };
}

/** A block device of the node, or a file that stands for one. */
async function setUpBlock(
  { linux }: VolumeContext,
  { local, hostPath }: PersistentVolumeSpec,
  volumeName: string,
): Promise<ReadyVolume> {
  const file = local?.path ?? hostPath?.path;
  if (!file) throw new Error(`no volume plugin matched PersistentVolume ${volumeName}`);
  const stats = await found(file);
  if (stats.isBlockDevice()) return { hostPath: file, device: file };
  if (!stats.isFile()) throw new Error(`path "${file}" is neither a block device nor a file`);
  return { hostPath: file, device: await linux.loops.attach(file), expand: () => linux.loops.grow(file) };
}

const found = (file: string) =>
  stat(file).catch(() => {
    throw new Error(`path "${file}" does not exist`);
  });
