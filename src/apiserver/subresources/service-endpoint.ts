import type { Service, ServicePort } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpointSlices } from '../../api/resource.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Call } from '../backend.ts';
import { existing } from '../verbs/get.ts';
import type { Address } from './kubelet-connection.ts';

/** A ready endpoint of a Service, chosen at random (pkg/registry/core/service/storage ResourceLocation). */
export function serviceEndpoint(call: Call, portName: string): Address {
  const service = existing(call).object as Service;
  const { name } = service.metadata;
  const port = portOf(service, portName);
  if (!port && /^\d+$/.test(portName)) throw unavailable(`no service port ${portName} found for service`, name);
  const found = port ? slicesOf(call, service).flatMap((slice) => readyAddresses(slice, port)) : [];
  const chosen = found[Math.floor(Math.random() * found.length)];
  if (!chosen) throw unavailable('no endpoints available for service', portName ? `${name}:${portName}` : name);
  return chosen;
}

function unavailable(what: string, name: string): StatusError {
  const message = `${what} ${JSON.stringify(name)}`;
  return new StatusError({ code: 503, reason: 'ServiceUnavailable', message });
}

/** By name or by number; the only one if none is named. */
function portOf(service: Service, asked: string): ServicePort | undefined {
  const ports = service.spec?.ports ?? [];
  const found = ports.find((port) => (port.name ?? '') === asked || String(port.port) === asked);
  return found ?? (asked === '' && ports.length === 1 ? ports[0] : undefined);
}

function slicesOf({ backend }: Call, service: Service): EndpointSlice[] {
  const { namespace, name } = service.metadata;
  const { prefix } = backend.served(endpointSlices)!;
  const slices = backend.cache.resource(prefix).list(`${prefix}${namespace}/`);
  return slices
    .map((entry) => entry.object as EndpointSlice)
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name);
}

/** The ready addresses behind a port of a Service. */
export function readyAddresses(slice: EndpointSlice, port: ServicePort): Address[] {
  const number = slice.ports?.find((candidate) => (candidate.name ?? '') === (port.name ?? ''))?.port;
  if (!number) return [];
  return (slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready !== false)
    .flatMap((endpoint) => endpoint.addresses.map((host) => ({ host, port: number })));
}
