import { isIP, isIPv6 } from 'node:net';
import type { ServiceSpec } from '../generated/core-v1.ts';
import type { Cause } from '../status-error.ts';
import { at, duplicate, invalidValue, notSupported, required } from './field-error.ts';
import { validateIp } from './pod-spec.ts';

const families = ['IPv4', 'IPv6'];
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const isHeadless = ({ clusterIPs }: ServiceSpec) => clusterIPs?.length === 1 && clusterIPs[0] === 'None';

/** clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy among themselves (ValidateServiceClusterIPsRelatedFields). */
export function clusterIpErrors(spec: ServiceSpec): Cause[] {
  if (spec.type === 'ExternalName') return [];
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const errors: Cause[] = [];
  if (clusterIP) {
    if (!clusterIPs.length) errors.push(required('spec.clusterIPs'));
    else if (clusterIPs[0] !== clusterIP)
      errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`'));
  } else if (clusterIPs.length)
    errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'must be empty when `clusterIP` is not specified'));
  for (const [i, family] of ipFamilies.entries()) {
    if (!families.includes(family)) errors.push(notSupported(at('spec.ipFamilies', i), family, families));
    if (ipFamilies.indexOf(family) < i) errors.push(duplicate(at('spec.ipFamilies', i), family));
  }
  if (ipFamilyPolicy !== undefined && !policies.includes(ipFamilyPolicy))
    errors.push(notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, policies));
  const bad: Cause[] = [];
  for (const [i, ip] of clusterIPs.entries()) {
    if (i === 0 && ip === 'None') {
      if (clusterIPs.length > 1)
        bad.push(invalidValue('spec.clusterIPs', clusterIPs, "'None' must be the first and only value"));
    } else bad.push(...validateIp(ip, at('spec.clusterIPs', i)));
  }
  if (clusterIPs.length > 2) errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values'));
  if (bad.length) return [...errors, ...bad];
  if (clusterIPs.length > 1 && new Set(clusterIPs.map((ip) => isIPv6(ip))).size < 2)
    errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'may specify no more than one IP for each IP family'));
  if (!isHeadless(spec))
    for (const [i, ip] of clusterIPs.entries()) {
      const family = ipFamilies[i];
      if (family && isIP(ip) !== (family === 'IPv6' ? 6 : 4))
        errors.push(
          invalidValue(
            at('spec.clusterIPs', i),
            ip,
            `expected an ${family} value as indicated by \`ipFamilies[${i}]\``,
          ),
        );
    }
  return errors;
}

/** The first address stays once it is set; a second may come and go (validateUpgradeDowngradeClusterIPs, …IPFamilies). */
export function clusterIpUpdateErrors(spec: ServiceSpec, old: ServiceSpec): Cause[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return [];
  if (isHeadless(spec) && isHeadless(old)) return [];
  const errors = listUpdateErrors(spec, 'clusterIPs', spec.clusterIPs ?? [], old.clusterIPs ?? [], 'clusterIP');
  if (isHeadless(spec) !== isHeadless(old)) return errors;
  return [...errors, ...listUpdateErrors(spec, 'ipFamilies', spec.ipFamilies ?? [], old.ipFamilies ?? [], 'ipFamily')];
}

function listUpdateErrors(
  spec: ServiceSpec,
  field: string,
  now: readonly string[],
  before: readonly string[],
  what: string,
): Cause[] {
  const first = `spec.${field}[0]`;
  if (now.length === before.length)
    return before.flatMap((value, i) =>
      value === now[i] ? [] : [invalidValue(at(`spec.${field}`, i), now, 'may not change once set')],
    );
  const errors: Cause[] = [];
  if (now.length < before.length && now.length === 0)
    errors.push(invalidValue(first, now, `primary ${what} can not be unset`));
  if (before.length && now.length && now[0] !== before[0])
    errors.push(invalidValue(first, now, 'may not change once set'));
  if (now.length < before.length && now.length === 1 && spec.ipFamilyPolicy !== 'SingleStack')
    errors.push(invalidValue(first, now, `must be set to 'SingleStack' when releasing the secondary ${what}`));
  return errors;
}
