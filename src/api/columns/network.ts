import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from '../generated/networking-v1.ts';
import { formatSelector } from '../selectors.ts';
import { age, ageOf, type ColumnsEntry, column, entry, name } from './column.ts';
import { loadBalancerAddresses } from './service.ts';

export const networkColumns: ColumnsEntry[] = [
  entry<Ingress>('networking/v1.Ingress', {
    definitions: [
      name,
      column('Class', 'IngressClass that implements the Ingress.'),
      column('Hosts', 'Hosts that the rules match.'),
      column('Address', 'Addresses at which the Ingress is reached.'),
      column('Ports', 'Ports that are open.'),
      age,
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.ingressClassName ?? '<none>',
      hosts(object),
      loadBalancerAddresses(object.status?.loadBalancer).join(','),
      object.spec?.tls?.length ? '80, 443' : '80',
      ageOf(object, now),
    ],
  }),
  entry<IngressClass>('networking/v1.IngressClass', {
    definitions: [
      name,
      column('Controller', 'Controller that implements the class.'),
      column('Parameters', 'Object with further configuration.'),
      age,
    ],
    cells: (object, now) => [object.metadata.name, object.spec?.controller, parameters(object), ageOf(object, now)],
  }),
  entry<NetworkPolicy>('networking/v1.NetworkPolicy', {
    definitions: [name, column('Pod-Selector', 'Labels of the Pods that the policy is about.'), age],
    cells: (object, now) => [object.metadata.name, formatSelector(object.spec?.podSelector ?? {}), ageOf(object, now)],
  }),
  entry<ServiceCIDR>('networking/v1.ServiceCIDR', {
    definitions: [name, column('CIDRs', 'Ranges that Services get their addresses from.'), age],
    cells: (object, now) => [object.metadata.name, (object.spec?.cidrs ?? []).join(','), ageOf(object, now)],
  }),
  entry<IPAddress>('networking/v1.IPAddress', {
    definitions: [name, column('ParentRef', 'Object that the address belongs to.'), age],
    cells: (object, now) => [object.metadata.name, parent(object), ageOf(object, now)],
  }),
];

/** At most three hosts; rules without a host count among the rest (printers.go formatHosts). */
function hosts({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const named = rules.flatMap(({ host }) => (host ? [host] : []));
  if (named.length === 0) return '*';
  const shown = named.slice(0, 3).join(',');
  const third = named[2] === undefined ? rules.length : rules.findIndex(({ host }) => host === named[2]);
  return third + 1 < rules.length ? `${shown} + ${rules.length - 3} more...` : shown;
}

function parameters({ spec }: IngressClass): string {
  const reference = spec?.parameters;
  if (!reference) return '<none>';
  return `${reference.kind}${reference.apiGroup ? `.${reference.apiGroup}` : ''}/${reference.name}`;
}

function parent({ spec }: IPAddress): string {
  const reference = spec?.parentRef;
  if (!reference) return '<none>';
  const resource = reference.group ? `${reference.resource}.${reference.group}` : reference.resource;
  return [resource?.toLowerCase(), reference.namespace, reference.name].filter(Boolean).join('/');
}
