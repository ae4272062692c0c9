import type { APIService } from '../../api/generated/apiregistration-v1.ts';
import { endpointSlices, services } from '../../api/resource.ts';
import type { ObjectReader } from '../request.ts';
import { readyAddresses } from '../subresources/service-endpoint.ts';

/** What the Available condition of an APIService is to say. */
export interface Availability {
  status: 'True' | 'False';
  reason: string;
  message: string;
}

export const localAvailability: Availability = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};
export const passed: Availability = { status: 'True', reason: 'Passed', message: 'all checks passed' };

export function failedDiscovery(message: string): Availability {
  return { status: 'False', reason: 'FailedDiscoveryCheck', message };
}

/** Why an extension server cannot even be asked (kube-aggregator pkg/controllers/status/remote); undefined if it can. */
export function unreachableReason(reader: ObjectReader, { spec }: APIService): Availability | undefined {
  const { name = '', namespace = '', port = 443 } = spec.service ?? {};
  const not = (reason: string, message: string): Availability => ({ status: 'False', reason, message });
  const where = `service/${name} in ${JSON.stringify(namespace)}`;
  const service = reader.get(services, namespace, name);
  if (!service) return not('ServiceNotFound', `${where} is not present`);
  if (service.spec.type === 'ExternalName') return undefined;
  const servicePort = service.spec.ports?.find((one) => one.port === port);
  if (!servicePort) return not('ServicePortError', `${where} is not listening on port ${port}`);
  const slices = reader
    .list(endpointSlices, namespace)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
  if (slices.length === 0) return not('EndpointsNotFound', `cannot find endpointslices for ${where}`);
  if (slices.some((slice) => readyAddresses(slice, servicePort).length > 0)) return undefined;
  const portName = JSON.stringify(servicePort.name ?? '');
  return not('MissingEndpoints', `endpointslices for ${where} have no addresses with port name ${portName}`);
}
