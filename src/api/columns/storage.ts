import type { PersistentVolume, PersistentVolumeClaim } from '../generated/core-v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../generated/storage-v1.ts';
import type { KubeObject } from '../object.ts';
import { age, ageOf, type ColumnsEntry, column, entry, integer, name, wide } from './column.ts';

const boolean = (title: string, description: string) => column(title, description, { type: 'boolean' });
const volumeMode = wide('VolumeMode', 'File system or block device.');

export const storageColumns: ColumnsEntry[] = [
  entry<PersistentVolume>('core/v1.PersistentVolume', {
    definitions: [
      name,
      column('Capacity', 'Size of the volume.'),
      column('Access Modes', 'How the volume can be mounted.'),
      column('Reclaim Policy', 'What happens to the volume when its claim is gone.'),
      column('Status', 'Whether the volume is available, bound or released.'),
      column('Claim', 'Claim that the volume is bound to.'),
      column('StorageClass', 'StorageClass of the volume.'),
      column('VolumeAttributesClass', 'VolumeAttributesClass of the volume.'),
      column('Reason', 'Why the volume is in its status.'),
      age,
      volumeMode,
    ],
    cells: persistentVolumeCells,
  }),
  entry<PersistentVolumeClaim>('core/v1.PersistentVolumeClaim', {
    definitions: [
      name,
      column('Status', 'Whether the claim is bound.'),
      column('Volume', 'Volume that the claim is bound to.'),
      column('Capacity', 'Size of that volume.'),
      column('Access Modes', 'How the volume can be mounted.'),
      column('StorageClass', 'StorageClass that the claim asks for.'),
      column('VolumeAttributesClass', 'VolumeAttributesClass that the claim asks for.'),
      age,
      volumeMode,
    ],
    cells: persistentVolumeClaimCells,
  }),
  entry<StorageClass>('storage/v1.StorageClass', {
    definitions: [
      name,
      column('Provisioner', 'Who makes volumes of the class.'),
      column('ReclaimPolicy', 'What happens to volumes when their claims are gone.'),
      column('VolumeBindingMode', 'When volumes are made and bound.'),
      column('AllowVolumeExpansion', 'Whether volumes may grow.'),
      age,
    ],
    cells: (object, now) => [
      object.metadata.name + defaultMark(object, 'storageclass.kubernetes.io/is-default-class'),
      object.provisioner,
      object.reclaimPolicy ?? 'Delete',
      object.volumeBindingMode ?? 'Immediate',
      object.allowVolumeExpansion ?? false,
      ageOf(object, now),
    ],
  }),
  entry<VolumeAttributesClass>('storage/v1.VolumeAttributesClass', {
    definitions: [name, column('DriverName', 'Driver that understands the attributes.'), age],
    cells: (object, now) => [
      object.metadata.name + defaultMark(object, 'volumeattributesclass.alpha.kubernetes.io/is-default-class'),
      object.driverName,
      ageOf(object, now),
    ],
  }),
  entry<VolumeAttachment>('storage/v1.VolumeAttachment', {
    definitions: [
      name,
      column('Attacher', 'Driver that attaches the volume.', { format: 'name' }),
      column('PV', 'Volume that is attached.'),
      column('Node', 'Node that the volume is attached to.'),
      boolean('Attached', 'Whether the volume is attached.'),
      age,
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.attacher,
      object.spec?.source?.persistentVolumeName ?? '',
      object.spec?.nodeName,
      object.status?.attached ?? false,
      ageOf(object, now),
    ],
  }),
  entry<CSINode>('storage/v1.CSINode', {
    definitions: [name, integer('Drivers', 'Number of drivers on the node.'), age],
    cells: (object, now) => [object.metadata.name, object.spec?.drivers?.length ?? 0, ageOf(object, now)],
  }),
  entry<CSIDriver>('storage/v1.CSIDriver', {
    definitions: [
      name,
      boolean('AttachRequired', 'Whether volumes must be attached to a node.'),
      boolean('PodInfoOnMount', 'Whether the driver is told about the Pod.'),
      boolean('StorageCapacity', 'Whether the scheduler looks at free capacity.'),
      column('TokenRequests', 'Audiences of tokens that the driver gets.'),
      boolean('RequiresRepublish', 'Whether volumes are published again and again.'),
      column('Modes', 'Lifecycles of volumes that the driver knows.'),
      age,
    ],
    cells: csiDriverCells,
  }),
  entry<CSIStorageCapacity>('storage/v1.CSIStorageCapacity', {
    definitions: [
      name,
      column('StorageClassName', 'StorageClass that the capacity is for.'),
      column('Capacity', 'Free capacity.'),
    ],
    cells: (object) => [object.metadata.name, object.storageClassName, object.capacity ?? '<unset>'],
  }),
];

function defaultMark({ metadata }: KubeObject, annotation: string): string {
  return metadata.annotations?.[annotation] === 'true' ? ' (default)' : '';
}

const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

function persistentVolumeCells(object: PersistentVolume, now: number): unknown[] {
  const { metadata, spec, status } = object;
  return [
    metadata.name,
    spec?.capacity?.storage ?? '0',
    accessModes(spec?.accessModes),
    spec?.persistentVolumeReclaimPolicy ?? '',
    metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '',
    metadata.annotations?.[classAnnotation] ?? spec?.storageClassName ?? '',
    spec?.volumeAttributesClassName ?? '<unset>',
    status?.reason ?? '',
    ageOf(object, now),
    spec?.volumeMode ?? '<unset>',
  ];
}

function persistentVolumeClaimCells(object: PersistentVolumeClaim, now: number): unknown[] {
  const { metadata, spec, status } = object;
  const bound = Boolean(spec?.volumeName);
  return [
    metadata.name,
    metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    spec?.volumeName ?? '',
    bound ? (status?.capacity?.storage ?? '0') : '',
    bound ? accessModes(status?.accessModes) : '',
    metadata.annotations?.[classAnnotation] ?? spec?.storageClassName ?? '',
    spec?.volumeAttributesClassName ?? '<unset>',
    ageOf(object, now),
    spec?.volumeMode ?? '<unset>',
  ];
}

const modeNames = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const;

function accessModes(modes: readonly string[] | undefined): string {
  return modeNames.flatMap(([mode, short]) => (modes?.includes(mode) ? [short] : [])).join(',');
}

function csiDriverCells(object: CSIDriver, now: number): unknown[] {
  const { spec } = object;
  return [
    object.metadata.name,
    spec?.attachRequired ?? true,
    spec?.podInfoOnMount ?? false,
    spec?.storageCapacity ?? false,
    spec?.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>',
    spec?.requiresRepublish ?? false,
    spec?.volumeLifecycleModes?.join(',') || '<none>',
    ageOf(object, now),
  ];
}
