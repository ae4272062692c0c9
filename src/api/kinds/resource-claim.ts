import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceClaim,
  DeviceConstraint,
  DeviceRequest,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimStatus,
  ResourceClaimTemplate,
} from '../generated/resource-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import {
  bindingErrors,
  configurationErrors,
  deviceClassNameErrors,
  fullyQualifiedNameErrors,
  labelErrors,
  poolNameErrors,
  rawErrors,
  same,
  setErrors,
  sliceErrors,
  tolerationErrors,
} from '../validation/devices.ts';
import { driverNameErrors } from '../validation/driver-name.ts';
import {
  at,
  forbiddenField,
  immutable,
  invalidValue,
  notSupported,
  required,
  sameValue,
  tooLong,
  tooMany,
} from '../validation/field-error.ts';
import { validateAnnotations, validateLabels } from '../validation/metadata.ts';
import { validateNodeSelector } from '../validation/scheduling.ts';

/** Most requests, constraints, configurations and selectors of a claim, and most results of an allocation. */
const most = 32;

/** pkg/apis/resource/validation, pkg/apis/resource/v1/defaults.go and pkg/registry/resource/resourceclaim. */
export const resourceClaim: Kind<ResourceClaim> = {
  type: 'resource/v1.ResourceClaim',
  hasGeneration: false,
  defaults: ({ spec }) => setClaimDefaults(spec?.devices),
  validate: ({ spec }) => claimErrors(spec?.devices, 'spec.devices'),
  validateUpdate: ({ spec }, old) => immutable('spec', spec, old.spec),
  validateStatusUpdate: statusErrors,
};

export const resourceClaimTemplate: Kind<ResourceClaimTemplate> = {
  type: 'resource/v1.ResourceClaimTemplate',
  hasGeneration: false,
  defaults: ({ spec }) => setClaimDefaults(spec?.spec?.devices),
  validate: ({ spec }) => [
    ...validateLabels(spec.metadata?.labels, 'spec.metadata.labels'),
    ...validateAnnotations(spec.metadata?.annotations, 'spec.metadata.annotations'),
    ...claimErrors(spec.spec?.devices, 'spec.spec.devices'),
  ],
  validateUpdate: ({ spec }, old) => immutable('spec', spec, old.spec),
};

function setClaimDefaults({ requests = [] }: DeviceClaim = {}): void {
  for (const { exactly, firstAvailable = [] } of requests)
    for (const request of [...(exactly ? [exactly] : []), ...firstAvailable]) {
      request.allocationMode ||= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ||= 1;
      for (const toleration of request.tolerations ?? []) toleration.operator ||= 'Equal';
    }
}

/** Names of requests, and NAME/SUBREQUEST. */
type Names = ReadonlySet<string>;

function namesOf({ requests = [] }: DeviceClaim = {}): Names {
  return new Set(
    requests.flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map((sub) => `${name}/${sub.name}`)]),
  );
}

function claimErrors(claim: DeviceClaim = {}, path: string): Cause[] {
  const names = namesOf(claim);
  return [
    ...setErrors(claim.requests, most, requestErrors, ({ name }) => name, `${path}.requests`),
    ...sliceErrors(claim.constraints, most, (one, place) => constraintErrors(one, place, names), `${path}.constraints`),
    ...sliceErrors(
      claim.config,
      most,
      (config, place) => [
        ...referenceErrors(config.requests, `${place}.requests`, names),
        ...configurationErrors(config, place),
      ],
      `${path}.config`,
    ),
  ];
}

function requestErrors({ name, exactly, firstAvailable = [] }: DeviceRequest, path: string): Cause[] {
  const errors = [...labelErrors(name, `${path}.name`)];
  const oneOf = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly && firstAvailable.length > 0)
    return [...errors, invalidValue(path, null, `${oneOf}, but multiple fields are set`)];
  if (exactly) return [...errors, ...deviceRequestErrors(exactly, `${path}.exactly`)];
  if (firstAvailable.length === 0) return [...errors, required(path, oneOf)];
  const subRequest = (sub: DeviceSubRequest, place: string) => [
    ...labelErrors(sub.name, `${place}.name`),
    ...deviceRequestErrors(sub, place),
  ];
  return [...errors, ...setErrors(firstAvailable, 8, subRequest, (sub) => sub.name, `${path}.firstAvailable`)];
}

const modes = ['All', 'ExactCount'];

function deviceRequestErrors(request: ExactDeviceRequest | DeviceSubRequest, path: string): Cause[] {
  const { allocationMode: mode = '', count = 0, selectors, tolerations } = request;
  const errors = [...deviceClassNameErrors(request.deviceClassName, `${path}.deviceClassName`)];
  errors.push(...sliceErrors(selectors, most, selectorErrors, `${path}.selectors`));
  if (!modes.includes(mode)) errors.push(notSupported(`${path}.allocationMode`, mode, modes));
  else if (mode === 'All' && count !== 0)
    errors.push(invalidValue(`${path}.count`, count, "must not be specified when allocationMode is 'All'"));
  else if (mode === 'ExactCount' && count <= 0)
    errors.push(invalidValue(`${path}.count`, count, 'must be greater than zero'));
  return [...errors, ...sliceErrors(tolerations, 16, tolerationErrors, `${path}.tolerations`)];
}

/** The expression itself is compiled by admission, which may wait for the compiler (admission/device-expressions.ts). */
export function selectorErrors({ cel }: { cel?: { expression?: string } }, path: string): Cause[] {
  if (!cel) return [required(`${path}.cel`)];
  const field = `${path}.cel.expression`;
  if (!cel.expression) return [required(field)];
  return cel.expression.length > 10 * 1024 ? [tooLong(field, 10 * 1024)] : [];
}

function constraintErrors(constraint: DeviceConstraint, path: string, names: Names): Cause[] {
  const { matchAttribute, distinctAttribute } = constraint;
  const errors = [...referenceErrors(constraint.requests, `${path}.requests`, names)];
  if (matchAttribute !== undefined) errors.push(...fullyQualifiedNameErrors(matchAttribute, `${path}.matchAttribute`));
  else if (distinctAttribute !== undefined)
    errors.push(...fullyQualifiedNameErrors(distinctAttribute, `${path}.distinctAttribute`));
  else {
    const detail = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
    errors.push(required(path, detail));
  }
  return errors;
}

function referenceErrors(requests: readonly string[] | undefined, path: string, names: Names): Cause[] {
  return setErrors(requests, most, (name, place) => requestNameErrors(name, place, names), same, path);
}

function requestNameErrors(name: string, path: string, names: Names): Cause[] {
  const detail =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const parts = name.split('/');
  if (parts.length > 2) return [invalidValue(path, name, detail)];
  const errors = parts.flatMap((part) => labelErrors(part, path));
  return names.has(name) ? errors : [...errors, invalidValue(path, name, detail)];
}

function statusErrors({ metadata, spec, status = {} }: ResourceClaim, old: ResourceClaim): Cause[] {
  const { allocation, reservedFor = [] } = status;
  const before: ResourceClaimStatus = old.status ?? {};
  const consumer = (one: { resource?: string; name?: string; uid?: string }, place: string) =>
    (['resource', 'name', 'uid'] as const).flatMap((field) => (one[field] ? [] : [required(`${place}.${field}`)]));
  const errors = setErrors(reservedFor, 256, consumer, ({ uid }) => uid, 'status.reservedFor');
  errors.push(...deviceStatusErrors(status));
  if (reservedFor.length > 0 && !allocation)
    errors.push(forbiddenField('status.reservedFor', 'may not be specified when `allocated` is not set'));
  else if (metadata.deletionTimestamp) {
    const isNew = reservedFor.some((one) => !before.reservedFor?.some((other) => sameValue(one, other)));
    const detail = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
    if (isNew) errors.push(forbiddenField('status.reservedFor', detail));
  }
  if (allocation && before.allocation) errors.push(...immutable('status.allocation', allocation, before.allocation));
  else if (allocation) errors.push(...allocationErrors(allocation, 'status.allocation', namesOf(spec?.devices)));
  return errors;
}

function allocationErrors({ devices = {}, nodeSelector }: AllocationResult, path: string, names: Names): Cause[] {
  const results = sliceErrors(
    devices.results,
    most,
    (result, place) => [
      ...requestNameErrors(result.request ?? '', `${place}.request`, names),
      ...driverNameErrors(result.driver, `${place}.driver`),
      ...poolNameErrors(result.pool, `${place}.pool`),
      ...labelErrors(result.device, `${place}.device`),
      ...bindingErrors(result, place),
      ...sliceErrors(result.tolerations, 16, tolerationErrors, `${place}.tolerations`),
      ...shareErrors(result.shareID, `${place}.shareID`),
    ],
    `${path}.devices.results`,
  );
  const config = sliceErrors(
    devices.config,
    2 * most,
    (one, place) => [
      ...sourceErrors(one.source, `${place}.source`),
      ...referenceErrors(one.requests, `${place}.requests`, names),
      ...configurationErrors(one, place),
    ],
    `${path}.devices.config`,
  );
  return [...results, ...config, ...(nodeSelector ? validateNodeSelector(nodeSelector, `${path}.nodeSelector`) : [])];
}

const sources = ['FromClaim', 'FromClass'];

function sourceErrors(source: string | undefined, path: string): Cause[] {
  if (!source) return [required(path)];
  return sources.includes(source) ? [] : [notSupported(path, source, sources)];
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function shareErrors(share: string | undefined, path: string): Cause[] {
  if (share === undefined || uuid.test(share)) return [];
  const form = '`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters';
  return [invalidValue(path, share, `uid must be in RFC 4122 normalized form, ${form}`)];
}

const idOf = (one: { driver: string; pool: string; device: string; shareID?: string }) =>
  [one.driver, one.pool, one.device, ...(one.shareID ? [one.shareID] : [])].join('/');

/** What drivers tell of the devices that the claim has. */
function deviceStatusErrors({ allocation, devices }: ResourceClaimStatus): Cause[] {
  const allocated = new Set((allocation?.devices?.results ?? []).map(idOf));
  const errorsOf = (device: AllocatedDeviceStatus, path: string) => {
    const errors = [
      ...driverNameErrors(device.driver, `${path}.driver`),
      ...poolNameErrors(device.pool, `${path}.pool`),
      ...labelErrors(device.device, `${path}.device`),
      ...shareErrors(device.shareID, `${path}.shareID`),
    ];
    const { conditions = [], networkData, data } = device;
    if (!allocated.has(idOf(device)))
      errors.push(invalidValue(path, idOf(device), 'must be an allocated device in the claim'));
    if (conditions.length > 8) errors.push(tooMany(`${path}.conditions`, conditions.length, 8));
    for (const [i, condition] of conditions.entries())
      for (const field of ['type', 'status', 'lastTransitionTime', 'reason'] as const)
        if (!condition[field]) errors.push(required(`${at(`${path}.conditions`, i)}.${field}`));
    if (data !== undefined) errors.push(...rawErrors(data, `${path}.data`));
    if ((networkData?.interfaceName ?? '').length > 256) errors.push(tooLong(`${path}.networkData.interfaceName`, 256));
    if ((networkData?.hardwareAddress ?? '').length > 128)
      errors.push(tooLong(`${path}.networkData.hardwareAddress`, 128));
    if ((networkData?.ips ?? []).length > 16)
      errors.push(tooMany(`${path}.networkData.ips`, networkData!.ips!.length, 16));
    return errors;
  };
  return setErrors(devices, Infinity, errorsOf, idOf, 'status.devices');
}
