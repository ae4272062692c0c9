import { isIP } from 'node:net';
import type { Cause } from '../status-error.ts';
import { invalidValue } from './field-error.ts';

/** Addresses that make no sense as endpoints or external addresses (pkg/apis/core/validation ValidateNonSpecialIP). */
export function validateNonSpecialIp(address: string, path: string): Cause[] {
  const problem = (text: string) => [invalidValue(path, address, text)];
  if (!isIP(address)) return problem('must be a valid IP address');
  const ip = address.toLowerCase();
  if (ip === '0.0.0.0' || ip === '::') return problem('may not be unspecified (0.0.0.0 or ::)');
  if (ip.startsWith('127.') || ip === '::1') return problem('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (ip.startsWith('169.254.') || /^fe[89ab]/.test(ip))
    return problem('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (ip.startsWith('224.0.0.') || ip.startsWith('ff02:'))
    return problem('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  return [];
}
