import { isIP, isIPv4 } from 'node:net';
import type { IPAddress, ParentReference, ServiceCIDR } from '../generated/networking-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain, pathSegmentName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { immutable, immutableMessage, invalidEach, invalidValue, required } from '../validation/field-error.ts';

/** pkg/apis/networking/validation ValidateServiceCIDR. */
export const serviceCidr: Kind<ServiceCIDR> = {
  type: 'networking/v1.ServiceCIDR',
  hasGeneration: true,
  validate: cidrErrors,
  validateUpdate(object, old) {
    const [now, before] = [object.spec.cidrs ?? [], old.spec.cidrs ?? []];
    if (now.length === before.length) return changed(now, before);
    // Only a second family may be added.
    if (before.length === 1 && now.length === 2) return [...changed(now, before), ...cidrErrors(object)];
    return [invalidValue('spec.cidrs', now, immutableMessage)];
  },
};

function changed(now: string[], before: string[]): Cause[] {
  return before.flatMap((cidr, i) =>
    now[i] === cidr ? [] : [invalidValue(`spec.cidrs[${i}]`, now[i], immutableMessage)],
  );
}

function cidrErrors({ spec }: ServiceCIDR): Cause[] {
  const cidrs = spec.cidrs ?? [];
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalidValue('spec.cidrs', spec, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((cidr, i) =>
    isCidr(cidr)
      ? []
      : [invalidValue(`spec.cidrs[${i}]`, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')],
  );
  const [first, second] = cidrs;
  if (second !== undefined && first!.includes(':') === second.includes(':')) {
    const message = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96';
    return [invalidValue('spec.cidrs', spec, message)];
  }
  return errors;
}

function isCidr(text: string): boolean {
  const [, address = '', bits = ''] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
  return isIP(address) !== 0 && Number(bits) <= (isIPv4(address) ? 32 : 128);
}

/** ValidateIPAddress of the same file. The name is the address. */
export const ipAddress: Kind<IPAddress> = {
  type: 'networking/v1.IPAddress',
  hasGeneration: true,
  nameRule: 'ip',
  validate: ({ spec }) => parentErrors(spec.parentRef),
  validateUpdate: ({ spec }, old) => [
    ...parentErrors(spec.parentRef),
    ...immutable('spec.parentRef', spec.parentRef ?? null, old.spec.parentRef ?? null),
  ],
};

function parentErrors(parent: ParentReference | undefined): Cause[] {
  const path = 'spec.parentRef';
  if (!parent) return [required(path)];
  const { group, resource, namespace, name } = parent;
  return [
    // Services are of the core group, whose name is empty.
    ...(group ? invalidEach(`${path}.group`, group, dns1123Subdomain(group)) : []),
    ...(resource
      ? invalidEach(`${path}.resource`, resource, pathSegmentName(resource))
      : [required(`${path}.resource`)]),
    ...(name ? invalidEach(`${path}.name`, name, pathSegmentName(name)) : [required(`${path}.name`)]),
    ...(namespace ? invalidEach(`${path}.namespace`, namespace, pathSegmentName(namespace)) : []),
  ];
}
