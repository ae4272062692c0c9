import type { DeviceClass } from '../generated/resource-v1.ts';
import type { Kind } from '../kind.ts';
import { qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { configurationErrors, sliceErrors } from '../validation/devices.ts';
import { invalidValue } from '../validation/field-error.ts';
import { selectorErrors } from './resource-claim.ts';

/** pkg/apis/resource/validation ValidateDeviceClass and pkg/registry/resource/deviceclass. */
export const deviceClass: Kind<DeviceClass> = {
  type: 'resource/v1.DeviceClass',
  hasGeneration: true,
  validate: classErrors,
  validateUpdate: classErrors,
};

function classErrors({ spec: { selectors, config, extendedResourceName: name } }: DeviceClass): Cause[] {
  const errors = [
    ...sliceErrors(selectors, 32, selectorErrors, 'spec.selectors'),
    ...sliceErrors(config, 32, configurationErrors, 'spec.config'),
  ];
  if (name !== undefined && !isExtendedResource(name))
    errors.push(invalidValue('spec.extendedResourceName', name, 'must be a valid extended resource name'));
  return errors;
}

/** pkg/apis/core/v1/helper IsExtendedResourceName. */
const isExtendedResource = (name: string) =>
  name.includes('/') &&
  !/(^|\.)kubernetes\.io\//.test(name) &&
  !name.startsWith('requests.') &&
  qualifiedName(`requests.${name}`).length === 0;
