import { parseSemver } from '../cel/library/semver.ts';
import type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  CounterSet,
  Device,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
  ResourceSlice,
  ResourceSliceSpec,
} from '../generated/resource-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain } from '../names.ts';
import { addQuantities, compareQuantities, quantityMilliValue } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import {
  bindingErrors,
  labelErrors,
  poolNameErrors,
  qualifiedNameErrors,
  setErrors,
  sliceErrors,
  taintErrors,
} from '../validation/devices.ts';
import { driverNameErrors } from '../validation/driver-name.ts';
import {
  at,
  duplicate,
  forbiddenField,
  immutable,
  invalidEach,
  invalidValue,
  required,
  sameValue,
  tooLong,
  tooMany,
} from '../validation/field-error.ts';
import { validateNodeSelector } from '../validation/scheduling.ts';

/** pkg/apis/resource/validation ValidateResourceSlice and pkg/registry/resource/resourceslice. */
export const resourceSlice: Kind<ResourceSlice> = {
  type: 'resource/v1.ResourceSlice',
  hasGeneration: true,
  validate: ({ spec }) => sliceSpecErrors(spec),
  validateUpdate: ({ spec }, old) => [
    ...sliceSpecErrors(spec, old.spec),
    ...immutable('spec.pool.name', spec.pool?.name, old.spec.pool?.name),
    ...immutable('spec.driver', spec.driver, old.spec.driver),
    ...immutable('spec.nodeName', spec.nodeName, old.spec.nodeName),
  ],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.driver': ({ spec }) => spec.driver,
  },
};

const placeFields = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;

function sliceSpecErrors(spec: ResourceSliceSpec, old?: ResourceSliceSpec): Cause[] {
  const errors = [...driverNameErrors(spec.driver, 'spec.driver')];
  errors.push(...poolNameErrors(spec.pool?.name, 'spec.pool.name'));
  const { resourceSliceCount: count = 0, generation = 0 } = spec.pool ?? {};
  if (count <= 0) errors.push(invalidValue('spec.pool.resourceSliceCount', count, 'must be greater than zero'));
  if (generation < 0)
    errors.push(invalidValue('spec.pool.generation', generation, 'must be greater than or equal to zero'));
  errors.push(...placeErrors(spec, 'spec', placeFields));
  if (spec.nodeSelector && spec.nodeSelector.nodeSelectorTerms?.length !== 1) {
    const terms = spec.nodeSelector.nodeSelectorTerms;
    errors.push(invalidValue('spec.nodeSelector.nodeSelectorTerms', terms, 'must have exactly one node selector term'));
  }
  if (spec.sharedCounters && spec.devices)
    errors.push(invalidValue('spec', '', 'only one of `sharedCounters` or `devices` is allowed'));
  const isAdvanced = (spec.devices ?? []).some(
    ({ taints, consumesCounters, attributes = {} }) =>
      taints?.length || consumesCounters?.length || Object.values(attributes).some(isList),
  );
  const device = (one: Device, path: string) =>
    deviceErrors(
      one,
      path,
      spec,
      old?.devices?.find(({ name }) => name === one.name),
    );
  errors.push(...setErrors(spec.devices, isAdvanced ? 64 : 128, device, ({ name }) => name, 'spec.devices'));
  return [...errors, ...setErrors(spec.sharedCounters, 8, counterSetErrors, ({ name }) => name, 'spec.sharedCounters')];
}

type Place = Pick<ResourceSliceSpec, (typeof placeFields)[number]>;

/** Exactly one of the ways to say which nodes reach the devices. */
function placeErrors(place: Place, path: string, fields: readonly (typeof placeFields)[number][]): Cause[] {
  const errors: Cause[] = [];
  const set = fields.filter((field) => place[field]);
  const { nodeName, nodeSelector } = place;
  if (nodeName) errors.push(...invalidEach(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName)));
  if (nodeName === '')
    errors.push(invalidValue(`${path}.nodeName`, nodeName, 'must be either unset or set to a non-empty string'));
  if (nodeSelector) errors.push(...validateNodeSelector(nodeSelector, `${path}.nodeSelector`));
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const)
    if (place[field] === false)
      errors.push(invalidValue(`${path}.${field}`, false, 'must be either unset or set to true'));
  const isDevice = fields.length < placeFields.length;
  const detail = isDevice
    ? 'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
    : 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (set.length === 0) errors.push(required(path, detail));
  const shown = `{${set.map((field) => `\`${field}\``).join(', ')}}`;
  if (set.length > 1)
    errors.push(invalidValue(path, shown, isDevice ? detail : `${detail}, but multiple fields are set`));
  return errors;
}

function deviceErrors(device: Device, path: string, spec: ResourceSliceSpec, old: Device | undefined): Cause[] {
  const { attributes = {}, capacity = {} } = device;
  const errors = [...labelErrors(device.name, `${path}.name`)];
  const entries = Object.keys(attributes).length + Object.keys(capacity).length;
  if (entries > 32)
    errors.push(invalidValue(path, entries, 'the total number of attributes and capacities must not exceed 32'));
  const values = Object.values(attributes).reduce((total, one) => total + Math.max(1, listOf(one).length), 0);
  if (values > 48) errors.push(invalidValue(path, values, 'the total number of attribute values must not exceed 48'));
  for (const [name, attribute] of Object.entries(attributes)) {
    errors.push(...qualifiedNameErrors(name, `${path}.attributes`));
    errors.push(...attributeErrors(attribute, `${path}.attributes[${name}]`));
  }
  if (!sameValue(capacity, old?.capacity))
    for (const [name, one] of Object.entries(capacity)) {
      errors.push(...qualifiedNameErrors(name, `${path}.capacity`));
      errors.push(...capacityErrors(one, `${path}.capacity[${name}].requestPolicy`, device.allowMultipleAllocations));
    }
  if (!sameValue(device.taints, old?.taints))
    errors.push(...sliceErrors(device.taints, 16, taintErrors, `${path}.taints`));
  const counters = device.consumesCounters;
  errors.push(...setErrors(counters, 2, consumptionErrors, (one) => one.counterSet, `${path}.consumesCounters`));
  if (spec.perDeviceNodeSelection) errors.push(...placeErrors(device, path, ['nodeName', 'nodeSelector', 'allNodes']));
  else if (device.nodeName !== undefined || device.nodeSelector || device.allNodes !== undefined) {
    const detail =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    errors.push(invalidValue(path, null, detail));
  }
  return [...errors, ...bindingErrors(device, path)];
}

const listOf = ({ ints, bools, strings, versions }: DeviceAttribute): unknown[] =>
  ints ?? bools ?? strings ?? versions ?? [];
const isList = ({ ints, bools, strings, versions }: DeviceAttribute) => Boolean(ints ?? bools ?? strings ?? versions);

function attributeErrors(attribute: DeviceAttribute, path: string): Cause[] {
  const errors: Cause[] = [];
  const text = (value: string, place: string) => (value.length > 64 ? [tooLong(place, 64)] : []);
  const version = (value: string, place: string) => [
    ...(parseSemver(value)
      ? []
      : [invalidValue(place, value, 'must be a string compatible with semver.org spec 2.0.0')]),
    ...text(value, place),
  ];
  if (attribute.string !== undefined) errors.push(...text(attribute.string, `${path}.string`));
  if (attribute.version !== undefined) errors.push(...version(attribute.version, `${path}.version`));
  for (const field of ['bools', 'ints', 'strings', 'versions'] as const)
    if (attribute[field]?.length === 0)
      errors.push(invalidValue(`${path}.${field}`, attribute[field], 'must not be empty if specified'));
  for (const [i, one] of (attribute.strings ?? []).entries()) errors.push(...text(one, at(`${path}.strings`, i)));
  for (const [i, one] of (attribute.versions ?? []).entries()) errors.push(...version(one, at(`${path}.versions`, i)));
  const set = Object.values(attribute).filter((value) => value !== undefined && value !== null).length;
  if (set !== 1) errors.push(invalidValue(path, set === 0 ? '' : attribute, 'exactly one value must be specified'));
  return errors;
}

function capacityErrors({ value, requestPolicy: policy }: DeviceCapacity, path: string, isShared = false): Cause[] {
  if (!policy) return [];
  if (!isShared) return [forbiddenField(path, 'allowMultipleAllocations must be true')];
  const { validValues = [], validRange, default: standard } = policy;
  if (validValues.length > 0 && validRange) {
    const detail =
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    return [forbiddenField(path, detail)];
  }
  const kind = validValues.length > 0 ? 'validValues' : validRange ? 'validRange' : undefined;
  if (!kind) return [];
  if (standard === undefined) return [required(`${path}.default`, `required when ${kind} is defined`)];
  return validRange
    ? rangeErrors(standard, value, validRange, `${path}.validRange`)
    : valueErrors(standard, value, policy, `${path}.validValues`);
}

function valueErrors(
  standard: string,
  most: string,
  { validValues = [] }: CapacityRequestPolicy,
  path: string,
): Cause[] {
  const errors: Cause[] = [];
  for (const [i, one] of validValues.entries()) {
    const before = validValues[i - 1];
    if (before !== undefined && compareQuantities(before, one) > 0)
      errors.push(invalidValue(at(path, i), one, 'values must be sorted in ascending order'));
    if (compareQuantities(one, most) > 0)
      errors.push(invalidValue(at(path, i), one, `option is larger than capacity value: ${most}`));
    if (before !== undefined && compareQuantities(before, one) === 0) errors.push(duplicate(at(path, i), one));
  }
  if (validValues.length > 10) return [tooMany(path, validValues.length, 10)];
  if (!validValues.some((one) => compareQuantities(one, standard) === 0))
    errors.push(invalidValue(path, standard, 'default value is not valid according to the requestPolicy'));
  return errors;
}

function rangeErrors(
  standard: string,
  most: string,
  { min, max, step }: CapacityRequestPolicyRange,
  path: string,
): Cause[] {
  if (min === undefined) return [required(`${path}.min`, 'required when validRange is defined')];
  const errors: Cause[] = [];
  const above = (a: string, b: string) => compareQuantities(a, b) > 0;
  const complain = (field: string, value: string, detail: string) =>
    errors.push(invalidValue(`${path}.${field}`, value, detail));
  if (above(min, most)) complain('min', min, `min is larger than capacity value: ${most}`);
  if (above(min, standard)) complain('default', standard, `default is less than min: ${min}`);
  if (max !== undefined) {
    if (above(min, max)) complain('max', min, `min is larger than max: ${max}`);
    if (above(max, most)) complain('max', max, `max is larger than capacity value: ${most}`);
    if (above(standard, max)) complain('default', standard, `default is more than max: ${max}`);
  }
  if (step === undefined) return errors;
  if (quantityMilliValue(step) <= 0) complain('step', step, 'must be greater than zero');
  else {
    const first = addQuantities(min, step);
    if (above(first, most)) complain('step', step, `one step ${first} is larger than capacity value: ${most}`);
    for (const value of [standard, ...(max !== undefined ? [max] : [])])
      if ((quantityMilliValue(value) - quantityMilliValue(min)) % quantityMilliValue(step) !== 0)
        complain('step', value, `value is not a multiple of a given step (${step}) from (${min})`);
  }
  return errors;
}

function counterSetErrors({ name, counters }: CounterSet, path: string): Cause[] {
  return [
    ...(name ? labelErrors(name, `${path}.name`) : [required(`${path}.name`)]),
    ...counterErrors(counters, `${path}.counters`),
  ];
}

function consumptionErrors({ counterSet, counters }: DeviceCounterConsumption, path: string): Cause[] {
  return [
    ...(counterSet ? labelErrors(counterSet, `${path}.counterSet`) : [required(`${path}.counterSet`)]),
    ...counterErrors(counters, `${path}.counters`),
  ];
}

function counterErrors(counters: object = {}, path: string): Cause[] {
  const names = Object.keys(counters);
  if (names.length === 0) return [required(path)];
  if (names.length > 32) return [tooMany(path, names.length, 32)];
  return names.flatMap((name) => labelErrors(name, path));
}
