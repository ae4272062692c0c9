import type { EndpointAddress, EndpointPort, Endpoints } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { validateNonSpecialIp } from '../validation/address.ts';
import { at, invalidEach, notSupported, required } from '../validation/field-error.ts';
import { validateIp } from '../validation/pod-spec.ts';

/** pkg/apis/core and pkg/registry/core/endpoint. */
export const endpoints: Kind<Endpoints> = {
  type: 'core/v1.Endpoints',
  validate: subsetErrors,
  validateUpdate: subsetErrors,
  warnings: () => ['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'],
};

function subsetErrors({ subsets = [] }: Endpoints): Cause[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, i) => {
    const own = at('subsets', i);
    const none = addresses.length + notReadyAddresses.length === 0;
    return [
      ...(none ? [required(own, 'must specify `addresses` or `notReadyAddresses`')] : []),
      ...addresses.flatMap((address, j) => addressErrors(address, at(`${own}.addresses`, j))),
      ...notReadyAddresses.flatMap((address, j) => addressErrors(address, at(`${own}.notReadyAddresses`, j))),
      ...ports.flatMap((port, j) => portErrors(port, ports.length > 1, at(`${own}.ports`, j))),
    ];
  });
}

function addressErrors({ ip, hostname, nodeName }: EndpointAddress, path: string): Cause[] {
  const errors = [...validateIp(ip, `${path}.ip`)];
  if (hostname) errors.push(...invalidEach(`${path}.hostname`, hostname, dns1123Label(hostname)));
  if (nodeName !== undefined) errors.push(...invalidEach(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName)));
  return errors.length ? errors : validateNonSpecialIp(ip, `${path}.ip`);
}

function portErrors({ name, port, protocol, appProtocol }: EndpointPort, needsName: boolean, path: string): Cause[] {
  const errors: Cause[] = [];
  if (needsName && !name) errors.push(required(`${path}.name`));
  else if (name) errors.push(...invalidEach(`${path}.name`, name, dns1123Label(name)));
  errors.push(...invalidEach(`${path}.port`, port, portNumber(port)));
  const protocols = ['SCTP', 'TCP', 'UDP'];
  if (!protocol) errors.push(required(`${path}.protocol`));
  else if (!protocols.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, protocols));
  if (appProtocol !== undefined)
    errors.push(...invalidEach(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
  return errors;
}
