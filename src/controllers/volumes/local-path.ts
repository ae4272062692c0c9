import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import { classOf, selectedNodeAnnotation, waitsForConsumer } from '../../api/match-volume.ts';
import type { Draft } from '../../api/object.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { nodes, persistentVolumeClaims, persistentVolumes, storageClasses } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext, ControllerFactory } from '../../client/controller.ts';

export const localPathProvisioner = 'vitrine.dev/local-path';
export const provisionedBy = 'pv.kubernetes.io/provisioned-by';
const finalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
const hostnameLabel = 'kubernetes.io/hostname';

/** Where volumes are made; done by who starts the controllers, since they touch no files themselves. */
export interface LocalDirectories {
  /** The folder of all volumes on the node. */
  root: string;
  make(path: string): Promise<void>;
  /** A file that stands for a block device; one that is there grows. */
  makeFile(path: string, bytes: number): Promise<void>;
  remove(path: string): Promise<void>;
}

/** The class of claims that name none: a directory on the node that runs the Pod. */
export const localPathClass: Draft<StorageClass> = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'local-path', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: localPathProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
};

/**
 * The same, each with a file system of its own in a file: the claim has exactly the size that it asks for, and no more. Not
 * the default, as a directory is faster, and can be looked into while no Pod has it.
 */
export const localImageClass: Draft<StorageClass> = {
  ...localPathClass,
  metadata: { name: 'local-image' },
  parameters: { backing: 'image' },
};

/** Makes a directory or file of the node for each claim of its classes (as the external provisioners of sig-storage do). */
export function localPathProvisionerController(directories: LocalDirectories): ControllerFactory {
  return ({ client, informers, events }: ControllerContext): Controller => {
    const claims = informers.informer(persistentVolumeClaims);
    const classes = informers.informer(storageClasses);
    const allNodes = informers.informer(nodes);
    return {
      name: 'local-path-provisioner',
      for: persistentVolumeClaims,
      watches: [{ resource: nodes, keys: () => [] }],
      reconcile: async (key) => {
        const claim = claims.get(key);
        const storageClass = claim && classes.get(classOf(claim));
        if (!claim || claim.spec.volumeName || claim.metadata.deletionTimestamp) return;
        if (!storageClass || storageClass.provisioner !== localPathProvisioner) return;
        const nodeName = claim.metadata.annotations?.[selectedNodeAnnotation];
        if (waitsForConsumer(storageClass) && !nodeName) return;
        events.event(claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${key}"`);
        try {
          const name = await provision(claim, storageClass, nodeName);
          events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${name}`);
        } catch (error) {
          if (hasReason(error, 'AlreadyExists')) return;
          const message = `failed to provision volume with StorageClass "${classOf(claim)}": ${(error as Error).message}`;
          events.event(claim, 'Warning', 'ProvisioningFailed', message);
          throw error;
        }
      },
    };

    async function provision(
      claim: PersistentVolumeClaim,
      storageClass: StorageClass,
      nodeName: string | undefined,
    ): Promise<string> {
      const { name, namespace, uid, resourceVersion } = claim.metadata;
      const node = nodeName ? allNodes.get(nodeName) : allNodes.list()[0];
      if (!node) throw new Error(`node "${nodeName ?? ''}" not found`);
      const volumeName = `pvc-${uid}`;
      const path = `${directories.root}/${volumeName}_${namespace}_${name}`;
      const storage = claim.spec.resources?.requests?.storage ?? '0';
      const block = claim.spec.volumeMode === 'Block';
      const { backing = 'directory' } = storageClass.parameters ?? {};
      if (!['directory', 'image'].includes(backing))
        throw new Error(`parameter backing: "${backing}" must be directory or image`);
      const inFile = block || backing === 'image';
      if (inFile) await directories.makeFile(path, Number(parseQuantity(storage).nanos / 1_000_000_000n));
      else await directories.make(path);
      const hostname = node.metadata.labels?.[hostnameLabel] ?? node.metadata.name;
      await client.create(persistentVolumes, {
        metadata: {
          name: volumeName,
          annotations: { [provisionedBy]: localPathProvisioner },
          finalizers: [finalizer],
        },
        spec: {
          capacity: { storage },
          accessModes: claim.spec.accessModes,
          volumeMode: block ? 'Block' : 'Filesystem',
          persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
          storageClassName: storageClass.metadata.name,
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid, resourceVersion },
          ...(inFile
            ? { local: { path, ...(!block && { fsType: 'ext4' }) } }
            : { hostPath: { path, type: 'DirectoryOrCreate' as const } }),
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [hostname] }] }],
            },
          },
        },
      });
      return volumeName;
    }
  };
}

/** Deletes the directories of released volumes with reclaim policy Delete, and then the volumes. */
export function localPathReclaimController(directories: LocalDirectories): ControllerFactory {
  return ({ client, informers, events }: ControllerContext): Controller => {
    const volumes = informers.informer(persistentVolumes);
    return {
      name: 'local-path-reclaim',
      for: persistentVolumes,
      reconcile: async (name) => {
        const volume = volumes.get(name);
        if (volume?.metadata.annotations?.[provisionedBy] !== localPathProvisioner) return;
        const { deletionTimestamp } = volume.metadata;
        const reclaimed = volume.status?.phase === 'Released' && volume.spec.persistentVolumeReclaimPolicy === 'Delete';
        if (!reclaimed)
          return deletionTimestamp && volume.status?.phase !== 'Bound' ? dropFinalizer(volume) : undefined;
        const path = volume.spec.hostPath?.path ?? volume.spec.local?.path ?? '';
        try {
          if (path.startsWith(`${directories.root}/`) && !path.includes('..')) await directories.remove(path);
          if (!deletionTimestamp) await client.delete(persistentVolumes, name);
          await dropFinalizer(volume);
        } catch (error) {
          if (hasReason(error, 'NotFound') || hasReason(error, 'Conflict')) return;
          events.event(volume, 'Warning', 'VolumeFailedDelete', (error as Error).message);
          throw error;
        }
      },
    };

    /** Only a volume that is being deleted lets go of it; otherwise the event of the deletion brings us back. */
    async function dropFinalizer(volume: PersistentVolume): Promise<void> {
      const finalizers = (volume.metadata.finalizers ?? []).filter((one) => one !== finalizer);
      if (!volume.metadata.deletionTimestamp || finalizers.length === volume.metadata.finalizers?.length) return;
      await client.update(persistentVolumes, { ...volume, metadata: { ...volume.metadata, finalizers } });
    }
  };
}
