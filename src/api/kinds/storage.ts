import { Buffer } from 'node:buffer';
import type { PersistentVolume, PersistentVolumeClaim } from '../generated/core-v1.ts';
import type { StorageClass } from '../generated/storage-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import { compareQuantities, parseQuantity } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { describeDifference } from '../validation/difference.ts';
import { driverNameErrors } from '../validation/driver-name.ts';
import {
  forbiddenField,
  immutable,
  invalidEach,
  invalidValue,
  notSupported,
  required,
  sameValue,
  tooLong,
} from '../validation/field-error.ts';
import { validateNodeSelector } from '../validation/scheduling.ts';
import { validateLabelSelector } from '../validation/selector.ts';

/** pkg/apis/core and pkg/registry/core/persistentvolumeclaim. */
export const persistentVolumeClaim: Kind<PersistentVolumeClaim> = {
  type: 'core/v1.PersistentVolumeClaim',
  hasGeneration: false,
  validate: (claim) => claimErrors(claim),
  validateUpdate: (claim, old) => [...claimErrors(claim), ...claimUpdateErrors(claim, old)],
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
    // dataSource and dataSourceRef say the same (NormalizeDataSources).
    const { spec } = claim;
    if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
    else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
      const { apiGroup, kind, name } = spec.dataSourceRef;
      spec.dataSource = apiGroup === undefined ? { kind, name } : { apiGroup, kind, name };
    }
  },
  selectableFields: { name: ({ metadata }) => metadata.name },
};

/** pkg/apis/core and pkg/registry/core/persistentvolume. */
export const persistentVolume: Kind<PersistentVolume> = {
  type: 'core/v1.PersistentVolume',
  hasGeneration: false,
  defaults(volume) {
    volume.status ??= {};
    volume.status.phase ||= 'Pending';
    if (!volume.spec) return;
    volume.spec.persistentVolumeReclaimPolicy ||= 'Retain';
    volume.spec.volumeMode ??= 'Filesystem';
    const hostPath = volume.spec.hostPath;
    if (hostPath) hostPath.type ??= '';
  },
  validate: volumeErrors,
  validateUpdate(volume, old) {
    const errors = volumeErrors(volume);
    const before = persistentSource(old);
    const now = persistentSource(volume);
    if (!sameValue(now, before))
      errors.push(
        forbiddenField(
          'spec.persistentvolumesource',
          `spec.persistentvolumesource is immutable after creation\n${describeDifference(before, now)}`,
        ),
      );
    errors.push(...immutable('volumeMode', volume.spec.volumeMode, old.spec.volumeMode));
    if (old.spec.nodeAffinity)
      errors.push(...immutable('spec.nodeAffinity', volume.spec.nodeAffinity, old.spec.nodeAffinity));
    return errors;
  },
  prepareForCreate(volume) {
    volume.status = { phase: 'Pending' };
  },
  selectableFields: { name: ({ metadata }) => metadata.name },
};

/** pkg/apis/storage. */
export function provisionerErrors(name: string | undefined, path: string): Cause[] {
  return name ? invalidEach(path, name, qualifiedName(name.toLowerCase())) : [required(path)];
}

/** Parameters that only the driver understands (validateParameters). */
export function parameterErrors(parameters: Record<string, string>, path: string): Cause[] {
  const entries = Object.entries(parameters);
  if (entries.length > 512) return [tooLong(path, 512)];
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...('' in parameters ? [invalidValue(path, '', 'field can not be empty.')] : []),
    ...(bytes > 256 * 1024 ? [tooLong(path, 256 * 1024)] : []),
  ];
}

export const storageClass: Kind<StorageClass> = {
  type: 'storage/v1.StorageClass',
  defaults(storage) {
    storage.reclaimPolicy ??= 'Delete';
    storage.volumeBindingMode ??= 'Immediate';
  },
  validate(storage) {
    const errors: Cause[] = [];
    errors.push(
      ...provisionerErrors(storage.provisioner, 'provisioner'),
      ...parameterErrors(storage.parameters ?? {}, 'parameters'),
    );
    errors.push(...oneOf(storage.reclaimPolicy, ['Delete', 'Retain'], 'reclaimPolicy'));
    errors.push(...oneOf(storage.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'], 'volumeBindingMode'));
    return errors;
  },
  validateUpdate(storage, old) {
    const errors: Cause[] = [];
    for (const [field, what] of [
      ['parameters', 'updates to parameters are forbidden.'],
      ['provisioner', 'updates to provisioner are forbidden.'],
      ['reclaimPolicy', 'updates to reclaimPolicy are forbidden.'],
    ] as const)
      if (!sameValue(storage[field], old[field])) errors.push(forbiddenField(field, what));
    return [...errors, ...immutable('volumeBindingMode', storage.volumeBindingMode, old.volumeBindingMode)];
  },
};

/** pkg/apis/core/validation validateCSIPersistentVolumeSource. */
function csiErrors(csi: NonNullable<PersistentVolume['spec']['csi']>): Cause[] {
  const secrets = [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeStageSecretRef',
    'nodeExpandSecretRef',
  ] as const;
  return [
    ...driverNameErrors(csi.driver, 'spec.csi.driver'),
    ...(csi.volumeHandle ? [] : [required('spec.csi.volumeHandle')]),
    ...secrets.flatMap((name) => {
      const reference = csi[name];
      if (!reference) return [];
      return (['name', 'namespace'] as const).flatMap((field) =>
        reference[field] ? [] : [required(`spec.csi.${name}.${field}`)],
      );
    }),
  ];
}

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const volumeModes = ['Block', 'Filesystem'];

function oneOf(value: string | undefined, supported: string[], path: string): Cause[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

function accessModeErrors(modes: readonly string[] | undefined, why: string): Cause[] {
  const own = 'spec.accessModes';
  if (!modes?.length) return [required(own, why)];
  const errors = modes.flatMap((mode) => oneOf(mode, accessModes, own));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1)
    errors.push(forbiddenField(own, 'may not use ReadWriteOncePod with other access modes'));
  return errors;
}

function claimErrors({ spec }: PersistentVolumeClaim): Cause[] {
  const errors = accessModeErrors(spec.accessModes, 'at least 1 access mode is required');
  errors.push(...validateLabelSelector(spec.selector, 'spec.selector'));
  const storage = spec.resources?.requests?.storage;
  const own = 'spec.resources[storage]';
  if (storage === undefined) errors.push(required(own));
  else if (parseQuantity(storage).nanos <= 0n) errors.push(invalidValue(own, storage, 'must be greater than zero'));
  if (spec.storageClassName)
    errors.push(
      ...invalidEach('spec.storageClassName', spec.storageClassName, dns1123Subdomain(spec.storageClassName)),
    );
  return [...errors, ...oneOf(spec.volumeMode, volumeModes, 'spec.volumeMode')];
}

function claimUpdateErrors({ spec, status }: PersistentVolumeClaim, old: PersistentVolumeClaim): Cause[] {
  const errors: Cause[] = [];
  const munged = structuredClone(spec);
  const before = old.spec;
  if (!before.volumeName) munged.volumeName = before.volumeName;
  if (before.storageClassName === undefined) munged.storageClassName = undefined;
  munged.volumeAttributesClassName = before.volumeAttributesClassName;
  if (status?.phase === 'Bound' && munged.resources?.requests && before.resources?.requests?.storage)
    munged.resources.requests.storage = before.resources.requests.storage;
  if (!sameValue(munged, before))
    errors.push(
      forbiddenField(
        'spec',
        `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${describeDifference(before, munged)}`,
      ),
    );
  const [now, then] = [spec.resources?.requests?.storage, before.resources?.requests?.storage];
  const capacity = old.status?.capacity?.storage ?? '0';
  if (now && then && compareQuantities(now, then) < 0 && compareQuantities(now, capacity) <= 0)
    errors.push(forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  return [...errors, ...immutable('volumeMode', spec.volumeMode, before.volumeMode)];
}

const notSources = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

function persistentSource({ spec }: PersistentVolume): Record<string, unknown> {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => !notSources.has(name)));
}

function volumeErrors({ spec }: PersistentVolume): Cause[] {
  const errors = accessModeErrors(spec.accessModes, '');
  const capacity = spec.capacity ?? {};
  if (!Object.keys(capacity).length) errors.push(required('spec.capacity'));
  if (capacity.storage === undefined || Object.keys(capacity).length > 1)
    errors.push(notSupported('spec.capacity', capacity, ['storage']));
  else if (parseQuantity(capacity.storage).nanos <= 0n)
    errors.push(invalidValue('spec.capacity[storage]', capacity.storage, 'must be greater than zero'));
  errors.push(
    ...oneOf(spec.persistentVolumeReclaimPolicy, ['Delete', 'Recycle', 'Retain'], 'spec.persistentVolumeReclaimPolicy'),
  );
  const sources = Object.keys(persistentSource({ spec } as PersistentVolume));
  if (!sources.length) errors.push(required('spec', 'must specify a volume type'));
  for (const extra of sources.slice(1))
    errors.push(forbiddenField(`spec.${extra}`, 'may not specify more than 1 volume type'));
  if (spec.hostPath && !spec.hostPath.path) errors.push(required('spec.hostPath.path'));
  if (spec.hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle')
    errors.push(
      forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"),
    );
  if (spec.local && !spec.local.path) errors.push(required('spec.local.path'));
  if (spec.csi) errors.push(...csiErrors(spec.csi));
  if (spec.local && !spec.nodeAffinity?.required)
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  if (spec.nodeAffinity?.required)
    errors.push(...validateNodeSelector(spec.nodeAffinity.required, 'spec.nodeAffinity.required'));
  if (spec.storageClassName)
    errors.push(
      ...invalidEach('spec.storageClassName', spec.storageClassName, dns1123Subdomain(spec.storageClassName)),
    );
  return [...errors, ...oneOf(spec.volumeMode, volumeModes, 'spec.volumeMode')];
}
