import type { Endpoints } from '../generated/core-v1.ts';
import type { EndpointSlice } from '../generated/discovery-v1.ts';
import { age, ageOf, type ColumnsEntry, column, entry, listWithMore, name } from './column.ts';

export const discoveryColumns: ColumnsEntry[] = [
  entry<Endpoints>('core/v1.Endpoints', {
    definitions: [name, column('Endpoints', 'Addresses and ports that serve.'), age],
    cells: (object, now) => [object.metadata.name, endpoints(object), ageOf(object, now)],
  }),
  entry<EndpointSlice>('discovery/v1.EndpointSlice', {
    definitions: [
      name,
      column('AddressType', 'Kind of the addresses.'),
      column('Ports', 'Ports of every endpoint.'),
      column('Endpoints', 'Addresses of the endpoints.'),
      age,
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.addressType,
      slicePorts(object),
      listWithMore(
        (object.endpoints ?? []).flatMap(({ addresses }) => addresses ?? []),
        '<unset>',
      ),
      ageOf(object, now),
    ],
  }),
];

function endpoints({ subsets }: Endpoints): string {
  if (!subsets?.length) return '<none>';
  const texts = subsets.flatMap(({ ports, addresses }) => {
    const ips = (addresses ?? []).map(({ ip }) => ip);
    // Headless Services may have no ports.
    if (!ports?.length) return ips;
    return ports.flatMap(({ port }) => ips.map((ip) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)));
  });
  return listWithMore(texts, '');
}

function slicePorts({ ports }: EndpointSlice): string {
  const texts = (ports ?? []).map(({ port, name: portName }) => (port !== undefined ? `${port}` : (portName ?? '*')));
  return listWithMore(texts, '<unset>');
}
