import { inlineHandle } from '../../api/csi-names.ts';
import type { PersistentVolumeSpec, Pod, SecretReference, Volume } from '../../api/generated/core-v1.ts';

/** What a CSI volume is, whether a PersistentVolume or written into the Pod. */
export interface CsiSource {
  driver: string;
  handle: string;
  /** Name of its directory: that of the PersistentVolume, or of the Pod's volume. */
  name: string;
  /** It lives and dies with the Pod (KEP-596). */
  ephemeral: boolean;
  block: boolean;
  readOnly: boolean;
  fsType: string;
  attributes: Record<string, string>;
  mountFlags: string[];
  accessModes: string[];
  /** Secrets for the driver. */
  stageSecret?: SecretReference | undefined;
  publishSecret?: SecretReference | undefined;
  expandSecret?: SecretReference | undefined;
  /** What the volume is to hold. */
  capacity?: string | undefined;
}

/** @param readOnly whether the Pod mounts it so */
export function persistentSource(name: string, spec: PersistentVolumeSpec, readOnly: boolean): CsiSource {
  const csi = spec.csi!;
  return {
    driver: csi.driver,
    handle: csi.volumeHandle,
    name,
    ephemeral: false,
    block: spec.volumeMode === 'Block',
    readOnly: readOnly || csi.readOnly === true,
    fsType: csi.fsType ?? '',
    attributes: csi.volumeAttributes ?? {},
    mountFlags: spec.mountOptions ?? [],
    accessModes: spec.accessModes ?? ['ReadWriteOnce'],
    stageSecret: csi.nodeStageSecretRef,
    publishSecret: csi.nodePublishSecretRef,
    expandSecret: csi.nodeExpandSecretRef,
    capacity: spec.capacity?.storage,
  };
}

export function inlineSource(pod: Pod, { name, csi }: Volume): CsiSource {
  const secret = csi?.nodePublishSecretRef?.name;
  return {
    driver: csi?.driver ?? '',
    handle: inlineHandle(pod.metadata.uid, name),
    name,
    ephemeral: true,
    block: false,
    readOnly: csi?.readOnly === true,
    fsType: csi?.fsType ?? '',
    attributes: csi?.volumeAttributes ?? {},
    mountFlags: [],
    accessModes: ['ReadWriteOnce'],
    publishSecret: secret ? { name: secret, namespace: pod.metadata.namespace ?? '' } : undefined,
  };
}
