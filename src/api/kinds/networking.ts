import { BlockList, isIP, isIPv6 } from 'node:net';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressRule,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../generated/networking-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1035Label, dns1123Subdomain, portName, portNumber, wildcardDns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import {
  at,
  forbiddenField,
  immutable,
  invalidEach,
  invalidValue,
  notSupported,
  required,
} from '../validation/field-error.ts';
import { validatePortNumberOrName } from '../validation/probe.ts';
import { validateLabelSelector } from '../validation/selector.ts';

/** pkg/apis/networking and pkg/registry/networking. */
export const networkPolicy: Kind<NetworkPolicy> = {
  type: 'networking/v1.NetworkPolicy',
  hasGeneration: true,
  defaults({ spec }) {
    if (spec && !spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  validate: policyErrors,
  validateUpdate: policyErrors,
};

const ingressClassAnnotation = 'kubernetes.io/ingress.class';

export const ingress: Kind<Ingress> = {
  type: 'networking/v1.Ingress',
  validate(ingress) {
    const annotation = ingress.metadata.annotations?.[ingressClassAnnotation];
    const errors = ingressErrors(ingress);
    if (
      annotation !== undefined &&
      ingress.spec.ingressClassName !== undefined &&
      annotation !== ingress.spec.ingressClassName
    )
      errors.push(
        invalidValue(
          `annotations.${ingressClassAnnotation}`,
          annotation,
          'must match `ingressClassName` when both are specified',
        ),
      );
    return errors;
  },
  validateUpdate: ingressErrors,
};

export const ingressClass: Kind<IngressClass> = {
  type: 'networking/v1.IngressClass',
  hasGeneration: true,
  defaults({ spec }) {
    if (spec?.parameters) spec.parameters.scope ??= 'Cluster';
  },
  validate({ spec }) {
    const controller = spec?.controller ?? '';
    if (!controller) return [required('spec.controller')];
    if (controller.length > 250)
      return [
        {
          reason: 'FieldValueTooLong',
          field: 'spec.controller',
          message: 'Too long: may not be more than 250 bytes',
        },
      ];
    const [host = '', ...path] = controller.split('/');
    return host && path.join('/')
      ? invalidEach('spec.controller', host, dns1123Subdomain(host))
      : [invalidValue('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  },
  validateUpdate: ({ spec }, old) => immutable('spec.controller', spec.controller, old.spec.controller),
};

function policyErrors({ spec }: NetworkPolicy): Cause[] {
  const errors = validateLabelSelector(spec?.podSelector, 'spec.podSelector');
  for (const [i, rule] of (spec?.ingress ?? []).entries()) {
    const own = at('spec.ingress', i);
    errors.push(...(rule.ports ?? []).flatMap((port, j) => policyPortErrors(port, at(`${own}.ports`, j))));
    errors.push(...(rule.from ?? []).flatMap((peer, j) => peerErrors(peer, at(`${own}.from`, j))));
  }
  for (const [i, rule] of (spec?.egress ?? []).entries()) {
    const own = at('spec.egress', i);
    errors.push(...(rule.ports ?? []).flatMap((port, j) => policyPortErrors(port, at(`${own}.ports`, j))));
    errors.push(...(rule.to ?? []).flatMap((peer, j) => peerErrors(peer, at(`${own}.to`, j))));
  }
  const types = spec?.policyTypes ?? [];
  if (types.length > 2)
    return [...errors, invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  for (const [i, type] of types.entries())
    if (type !== 'Ingress' && type !== 'Egress')
      errors.push(notSupported(at('spec.policyTypes', i), type, ['Egress', 'Ingress']));
  return errors;
}

function policyPortErrors({ protocol, port, endPort }: NetworkPolicyPort, path: string): Cause[] {
  const errors: Cause[] = [];
  const protocols = ['TCP', 'UDP', 'SCTP'];
  if (protocol !== undefined && !protocols.includes(protocol))
    errors.push(notSupported(`${path}.protocol`, protocol, protocols));
  if (port === undefined) {
    if (endPort !== undefined)
      errors.push(invalidValue(`${path}.endPort`, endPort, 'may not be specified when `port` is not specified'));
    return errors;
  }
  errors.push(...validatePortNumberOrName(port, `${path}.port`));
  if (endPort === undefined) return errors;
  if (typeof port === 'string')
    errors.push(invalidValue(`${path}.endPort`, endPort, 'may not be specified when `port` is non-numeric'));
  else if (endPort < port)
    errors.push(invalidValue(`${path}.endPort`, endPort, 'must be greater than or equal to `port`'));
  return [...errors, ...invalidEach(`${path}.endPort`, endPort, portNumber(endPort))];
}

function peerErrors({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, path: string): Cause[] {
  const errors = [
    ...validateLabelSelector(podSelector, `${path}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`),
  ];
  if (ipBlock) errors.push(...blockErrors(ipBlock.cidr, ipBlock.except ?? [], `${path}.ipBlock`));
  if (!podSelector && !namespaceSelector && !ipBlock) errors.push(required(path, 'must specify a peer'));
  else if (ipBlock && (podSelector || namespaceSelector))
    errors.push(forbiddenField(path, 'may not specify both ipBlock and another peer'));
  return errors;
}

const cidrMessage = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

function parseCidr(text: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', bits = ''] = text.split('/');
  const width = isIPv6(address) ? 128 : 32;
  if (!isIP(address) || !/^\d+$/.test(bits) || Number(bits) > width) return undefined;
  return { address, bits: Number(bits), family: width === 128 ? 'ipv6' : 'ipv4' };
}

function blockErrors(cidr: string | undefined, except: readonly string[], path: string): Cause[] {
  if (!cidr) return [required(`${path}.cidr`)];
  const block = parseCidr(cidr);
  if (!block) return [invalidValue(`${path}.cidr`, cidr, cidrMessage)];
  const inside = new BlockList();
  inside.addSubnet(block.address, block.bits, block.family);
  return except.flatMap((text, i) => {
    const own = at(`${path}.except`, i);
    const hole = parseCidr(text);
    if (!hole) return [invalidValue(own, text, cidrMessage)];
    return hole.family === block.family && hole.bits > block.bits && inside.check(hole.address, hole.family)
      ? []
      : [invalidValue(own, text, 'must be a strict subset of `cidr`')];
  });
}

function ingressErrors({ spec }: Ingress): Cause[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec ?? {};
  const errors: Cause[] = [];
  if (!rules.length && !defaultBackend)
    errors.push(invalidValue('spec', null, 'either `defaultBackend` or `rules` must be specified'));
  if (defaultBackend) errors.push(...backendErrors(defaultBackend, 'spec.defaultBackend'));
  for (const [i, rule] of rules.entries()) errors.push(...ruleErrors(rule, at('spec.rules', i)));
  for (const [i, { hosts = [], secretName }] of tls.entries()) {
    const own = at('spec.tls', i);
    for (const [j, host] of hosts.entries()) errors.push(...hostErrors(host, at(`${own}.hosts`, j)));
    if (secretName) errors.push(...invalidEach(`${own}.secretName`, secretName, dns1123Subdomain(secretName)));
  }
  if (ingressClassName !== undefined)
    errors.push(...invalidEach('spec.ingressClassName', ingressClassName, dns1123Subdomain(ingressClassName)));
  return errors;
}

function hostErrors(host: string, path: string): Cause[] {
  return invalidEach(path, host, host.includes('*') ? wildcardDns1123Subdomain(host) : dns1123Subdomain(host));
}

function ruleErrors({ host, http }: IngressRule, path: string): Cause[] {
  const errors: Cause[] = [];
  if (host) {
    if (isIP(host)) errors.push(invalidValue(`${path}.host`, host, 'must be a DNS name, not an IP address'));
    errors.push(...hostErrors(host, `${path}.host`));
  }
  if (!http) return errors;
  if (!http.paths?.length) return [...errors, required(`${path}.http.paths`)];
  return [...errors, ...http.paths.flatMap((item, i) => pathErrors(item, at(`${path}.http.paths`, i)))];
}

const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badSuffixes = ['/..', '/.'];

function pathErrors({ path: value = '', pathType, backend }: HTTPIngressPath, path: string): Cause[] {
  const errors: Cause[] = [];
  const types = ['Exact', 'ImplementationSpecific', 'Prefix'];
  if (!pathType) errors.push(required(`${path}.pathType`, 'pathType must be specified'));
  else if (!types.includes(pathType)) errors.push(notSupported(`${path}.pathType`, pathType, types));
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!value.startsWith('/')) errors.push(invalidValue(`${path}.path`, value, 'must be an absolute path'));
    if (value) {
      for (const bad of badSequences)
        if (value.includes(bad)) errors.push(invalidValue(`${path}.path`, value, `must not contain '${bad}'`));
      for (const bad of badSuffixes)
        if (value.endsWith(bad)) errors.push(invalidValue(`${path}.path`, value, `cannot end with '${bad}'`));
    }
  } else if (value && !value.startsWith('/'))
    errors.push(invalidValue(`${path}.path`, value, 'must be an absolute path'));
  return [...errors, ...backendErrors(backend, `${path}.backend`)];
}

function backendErrors({ service, resource }: IngressBackend, path: string): Cause[] {
  if (resource && service) return [invalidValue(path, '', 'cannot set both resource and service backends')];
  if (resource) {
    const errors: Cause[] = [];
    if (!resource.kind) errors.push(required(`${path}.resource.kind`));
    if (!resource.name) errors.push(required(`${path}.resource.name`));
    return errors;
  }
  if (!service) return [invalidValue(path, '', 'resource or service backend is required')];
  const errors: Cause[] = [];
  const name = service.name ?? '';
  if (!name) errors.push(required(`${path}.service.name`));
  else errors.push(...invalidEach(`${path}.service.name`, name, dns1035Label(name)));
  const port = service.port ?? {};
  if (port.name && port.number) errors.push(invalidValue(path, '', 'cannot set both port name & port number'));
  else if (port.name) errors.push(...invalidEach(`${path}.service.port.name`, port.name, portName(port.name)));
  else if (port.number !== undefined && port.number !== 0)
    errors.push(...invalidEach(`${path}.service.port.number`, port.number, portNumber(port.number)));
  else errors.push(required(path, 'port name or number is required'));
  return errors;
}
