import { Buffer } from 'node:buffer';
import type {
  CSIDriver,
  CSIDriverSpec,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  VolumeAttachment,
  VolumeAttachmentSource,
  VolumeAttributesClass,
  VolumeError,
} from '../generated/storage-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { driverNameErrors } from '../validation/driver-name.ts';
import {
  duplicate,
  forbiddenField,
  immutable,
  immutableMessage,
  invalidEach,
  invalidValue,
  notSupported,
  required,
  sameValue,
  tooLong,
} from '../validation/field-error.ts';
import { validateLabelSelector } from '../validation/selector.ts';
import { parameterErrors, provisionerErrors } from './storage.ts';

// All of pkg/apis/storage/validation and pkg/registry/storage.

export const csiDriver: Kind<CSIDriver> = {
  type: 'storage/v1.CSIDriver',
  defaults({ spec }) {
    if (!spec) return;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validate: ({ spec }) => driverErrors(spec),
  validateUpdate: ({ spec }, old) => [
    ...driverErrors(spec),
    ...immutable('spec.attachRequired', spec.attachRequired, old.spec.attachRequired),
    ...immutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, old.spec.volumeLifecycleModes),
  ],
};

const groupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType'];
const lifecycleModes = ['Persistent', 'Ephemeral'];

function driverErrors({ fsGroupPolicy, tokenRequests, volumeLifecycleModes, ...spec }: CSIDriverSpec): Cause[] {
  const errors: Cause[] = [];
  if (fsGroupPolicy !== undefined && !groupPolicies.includes(fsGroupPolicy))
    errors.push(notSupported('spec.fsGroupPolicy', fsGroupPolicy, groupPolicies));
  errors.push(...tokenErrors(tokenRequests ?? []));
  for (const mode of volumeLifecycleModes ?? [])
    if (!lifecycleModes.includes(mode)) errors.push(notSupported('spec.volumeLifecycleModes', mode, lifecycleModes));
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < 10)
    errors.push(
      invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', period, 'must be greater than or equal to 10 seconds'),
    );
  return errors;
}

/** Each audience once; one of them may be that of the API server, which has no name. */
function tokenErrors(requests: NonNullable<CSIDriverSpec['tokenRequests']>): Cause[] {
  const seen = new Set<string>();
  return requests.flatMap(({ audience, expirationSeconds: seconds }, i) => {
    const path = `spec.tokenRequests[${i}]`;
    if (seen.has(audience)) return [duplicate(`${path}.audience`, audience)];
    seen.add(audience);
    if (seconds === undefined) return [];
    const problem =
      seconds < 600
        ? 'may not specify a duration less than 10 minutes'
        : seconds > 2 ** 32 && 'may not specify a duration larger than 2^32 seconds';
    return problem ? [invalidValue(`${path}.expirationSeconds`, seconds, problem)] : [];
  });
}

export const csiNode: Kind<CSINode> = {
  type: 'storage/v1.CSINode',
  validate: ({ spec }) => nodeDriversErrors(spec.drivers ?? []),
  validateUpdate({ spec }, old) {
    const errors = nodeDriversErrors(spec.drivers ?? []);
    for (const before of old.spec.drivers ?? [])
      for (const now of spec.drivers ?? []) {
        // How many volumes it can take may change (KEP-4876).
        const same = now.name !== before.name || sameValue({ ...now, allocatable: before.allocatable }, before);
        if (!same) errors.push(invalidValue('CSINodeDriver', now, immutableMessage));
      }
    return errors;
  },
};

function nodeDriversErrors(drivers: CSINodeDriver[]): Cause[] {
  const names = new Set<string>();
  return drivers.flatMap(({ name, nodeID, topologyKeys, allocatable }, i) => {
    const path = `spec.drivers[${i}]`;
    const errors = [...driverNameErrors(name, `${path}.name`)];
    if (!nodeID) errors.push(required(`${path}.nodeID`));
    else if (nodeID.length > 192) errors.push(invalidValue(`${path}.nodeID`, nodeID, 'must be 192 characters or less'));
    const count = allocatable?.count ?? 0;
    if (count < 0) errors.push(invalidValue(`${path}.allocatable.count`, count, 'must be greater than or equal to 0'));
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
    return [...errors, ...topologyKeyErrors(topologyKeys ?? [], path)];
  });
}

function topologyKeyErrors(keys: string[], path: string): Cause[] {
  const seen = new Set<string>();
  return keys.flatMap((key) => {
    const errors = key ? [] : [required(path)];
    if (seen.has(key)) errors.push(duplicate(path, key));
    seen.add(key);
    return [...errors, ...invalidEach(path, keys, qualifiedName(key))];
  });
}

export const csiStorageCapacity: Kind<CSIStorageCapacity> = {
  type: 'storage/v1.CSIStorageCapacity',
  validate: capacityErrors,
  validateUpdate: (capacity, old) => [
    ...capacityErrors(capacity),
    ...immutable('nodeTopology', capacity.nodeTopology ?? null, old.nodeTopology ?? null),
    ...immutable('storageClassName', capacity.storageClassName, old.storageClassName),
  ],
};

function capacityErrors({ nodeTopology, storageClassName, capacity, maximumVolumeSize }: CSIStorageCapacity): Cause[] {
  const errors = [
    ...validateLabelSelector(nodeTopology, 'nodeTopology'),
    ...invalidEach('storageClassName', storageClassName, dns1123Subdomain(storageClassName ?? '')),
  ];
  for (const [path, amount] of Object.entries({ capacity, maximumVolumeSize }))
    if (amount !== undefined && compareQuantities(amount, '0') < 0)
      errors.push(invalidValue(path, amount, 'must be greater than or equal to 0'));
  return errors;
}

export const volumeAttachment: Kind<VolumeAttachment> = {
  type: 'storage/v1.VolumeAttachment',
  validate: attachmentErrors,
  validateUpdate: (attachment, old) => [
    ...attachmentErrors(attachment),
    ...immutable('spec', attachment.spec, old.spec),
  ],
  validateStatusUpdate: ({ status }) => attachmentStatusErrors(status ?? {}),
};

function attachmentErrors({ spec, status }: VolumeAttachment): Cause[] {
  return [
    ...driverNameErrors(spec.attacher, 'spec.attacher'),
    ...attachmentSourceErrors(spec.source ?? {}),
    ...invalidEach('spec.nodeName', spec.nodeName, dns1123Subdomain(spec.nodeName ?? '')),
    ...attachmentStatusErrors(status ?? {}),
  ];
}

function attachmentSourceErrors({ inlineVolumeSpec, persistentVolumeName: name }: VolumeAttachmentSource): Cause[] {
  const path = 'spec.source';
  const message = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (!inlineVolumeSpec && name === undefined) return [required(path, message)];
  if (inlineVolumeSpec && name !== undefined) return [forbiddenField(path, message)];
  if (name === undefined) return [];
  return name
    ? invalidEach(`${path}.persistentVolumeName`, name, dns1123Subdomain(name))
    : [required(`${path}.persistentVolumeName`, 'must specify non empty persistentVolumeName')];
}

function attachmentStatusErrors(status: Partial<NonNullable<VolumeAttachment['status']>>): Cause[] {
  const { attachmentMetadata = {}, attachError, detachError } = status;
  const bytes = Object.entries(attachmentMetadata)
    .flat()
    .reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const long = (error: VolumeError | undefined, path: string) =>
    Buffer.byteLength(error?.message ?? '') > 1024 ? [tooLong(`status.${path}.message`, 1024)] : [];
  return [
    ...(bytes > 256 * 1024 ? [tooLong('status.attachmentMetadata', 256 * 1024)] : []),
    ...long(attachError, 'attachError'),
    ...long(detachError, 'detachError'),
  ];
}

export const volumeAttributesClass: Kind<VolumeAttributesClass> = {
  type: 'storage/v1.VolumeAttributesClass',
  validate: ({ driverName, parameters = {} }) => [
    ...provisionerErrors(driverName, 'driverName'),
    ...(Object.keys(parameters).length === 0
      ? [required('parameters', 'must contain at least one key/value pair')]
      : parameterErrors(parameters, 'parameters')),
  ],
  validateUpdate: (object, old) =>
    (['driverName', 'parameters'] as const).flatMap((field) =>
      sameValue(object[field], old[field]) ? [] : [forbiddenField(field, `updates to ${field} are forbidden.`)],
    ),
};
