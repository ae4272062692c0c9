import { isIPv4, isIPv6 } from 'node:net';
import type { Endpoint, EndpointPort, EndpointSlice } from '../generated/discovery-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { validateNonSpecialIp } from '../validation/address.ts';
import {
  at,
  duplicate,
  immutable,
  invalidEach,
  invalidValue,
  notSupported,
  required,
  sameValue,
  tooMany,
} from '../validation/field-error.ts';
import { validateLabels } from '../validation/metadata.ts';

/** pkg/apis/discovery/validation and pkg/registry/discovery/endpointslice. */
export const endpointSlice: Kind<EndpointSlice> = {
  type: 'discovery/v1.EndpointSlice',
  hasGeneration: true,
  validate: sliceErrors,
  validateUpdate: (slice, old) => [
    ...sliceErrors(slice),
    ...immutable('addressType', slice.addressType, old.addressType),
  ],
  prepareForCreate(slice) {
    slice.metadata.generation = 1;
  },
  prepareForUpdate(slice, old) {
    const { metadata, ...content } = slice;
    const { metadata: oldMetadata, ...oldContent } = old;
    const same = sameValue(content, oldContent) && sameValue(metadata.labels, oldMetadata.labels);
    metadata.generation = (oldMetadata.generation ?? 0) + (same ? 0 : 1);
  },
};

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const protocols = ['SCTP', 'TCP', 'UDP'];

function sliceErrors({ addressType, endpoints, ports }: EndpointSlice): Cause[] {
  const errors: Cause[] = [];
  if (!addressType) errors.push(required('addressType'));
  else if (!addressTypes.includes(addressType)) errors.push(notSupported('addressType', addressType, addressTypes));
  const all = endpoints ?? [];
  if (all.length > 1000) errors.push(tooMany('endpoints', all.length, 1000));
  else
    for (const [i, endpoint] of all.entries())
      errors.push(...endpointErrors(endpoint, addressType, at('endpoints', i)));
  return [...errors, ...portErrors(ports ?? [])];
}

function endpointErrors(endpoint: Endpoint, type: string, path: string): Cause[] {
  const { addresses = [], nodeName, hostname, deprecatedTopology } = endpoint;
  const errors: Cause[] = [];
  if (!addresses.length) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  else if (addresses.length > 100) errors.push(tooMany(`${path}.addresses`, addresses.length, 100));
  for (const [i, address] of addresses.entries())
    errors.push(...addressErrors(address, type, at(`${path}.addresses`, i)));
  if (nodeName !== undefined) errors.push(...invalidEach(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName)));
  errors.push(...validateLabels(deprecatedTopology, `${path}.deprecatedTopology`));
  if (hostname !== undefined) errors.push(...invalidEach(`${path}.hostname`, hostname, dns1123Label(hostname)));
  const zones = endpoint.hints?.forZones ?? [];
  if (zones.length > 8) errors.push(tooMany(`${path}.hints.forZones`, zones.length, 8));
  for (const [i, { name }] of zones.entries())
    if (zones.findIndex((zone) => zone.name === name) < i)
      errors.push(duplicate(`${at(`${path}.hints.forZones`, i)}.name`, name));
  return errors;
}

function addressErrors(address: string, type: string, path: string): Cause[] {
  if (type === 'IPv4')
    return isIPv4(address)
      ? validateNonSpecialIp(address, path)
      : [invalidValue(path, address, 'must be a valid IPv4 address')];
  if (type === 'IPv6')
    return isIPv6(address)
      ? validateNonSpecialIp(address, path)
      : [invalidValue(path, address, 'must be a valid IPv6 address')];
  if (type !== 'FQDN') return [];
  const name = address.replace(/\.$/, '');
  const problems = dns1123Subdomain(name);
  if (problems.length) return [invalidValue(path, name, problems.join(','))];
  return name.includes('.')
    ? []
    : [invalidValue(path, name, 'should be a domain with at least two segments separated by dots')];
}

function portErrors(ports: readonly EndpointPort[]): Cause[] {
  if (ports.length > 100) return [tooMany('ports', ports.length, 100)];
  const errors: Cause[] = [];
  const names = new Set<string>();
  for (const [i, { name = '', protocol, appProtocol }] of ports.entries()) {
    const own = at('ports', i);
    if (name) errors.push(...invalidEach(`${own}.name`, name, dns1123Label(name)));
    if (names.has(name)) errors.push(duplicate(`${own}.name`, name));
    names.add(name);
    if (protocol === undefined) errors.push(required(`${own}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${own}.protocol`, protocol, protocols));
    if (appProtocol !== undefined)
      errors.push(...invalidEach(`${own}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
  }
  return errors;
}
