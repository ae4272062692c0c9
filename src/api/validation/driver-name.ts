import { dns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { invalidEach, required, tooLong } from './field-error.ts';

/** The name of a driver of volumes or of devices (pkg/apis/core/validation ValidateCSIDriverName). */
export function driverNameErrors(name: string | undefined, path: string): Cause[] {
  if (!name) return [required(path)];
  const errors = invalidEach(path, name, dns1123Subdomain(name.toLowerCase()));
  return name.length > 63 ? [tooLong(path, 63), ...errors] : errors;
}
