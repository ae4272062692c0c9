import { isIP, isIPv6 } from 'node:net';
import type { Service, ServicePort, ServiceSpec } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { validateNonSpecialIp } from '../validation/address.ts';
import {
  at,
  duplicate,
  forbiddenField,
  invalidEach,
  invalidValue,
  notSupported,
  required,
} from '../validation/field-error.ts';
import { validateLabels } from '../validation/metadata.ts';
import { validateIp } from '../validation/pod-spec.ts';
import { validatePortNumberOrName } from '../validation/probe.ts';
import { clusterIpErrors, clusterIpUpdateErrors } from '../validation/service-ips.ts';

/** pkg/apis/core and pkg/registry/core/service. Addresses and node ports are allocated by the API server between prepareForCreate and validate. */
export const service: Kind<Service> = {
  type: 'core/v1.Service',
  nameRule: 'label1035',
  hasGeneration: false,
  defaults: ({ spec, status }) => {
    if (spec) defaultSpec(spec);
    if (spec?.type === 'LoadBalancer')
      for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
  },
  validate: specErrors,
  validateUpdate: (service, old) => [
    ...clusterIpUpdateErrors(service.spec, old.spec),
    ...classErrors(service.spec, old.spec),
    ...(needsHealthCheck(old.spec) &&
    needsHealthCheck(service.spec) &&
    service.spec.healthCheckNodePort !== old.spec.healthCheckNodePort
      ? [forbiddenField('spec.healthCheckNodePort', 'field is immutable')]
      : []),
    ...specErrors(service),
  ],
  prepareForCreate: ({ spec }) => syncClusterIps(spec, undefined),
  prepareForUpdate: ({ spec }, old) => {
    syncClusterIps(spec, old.spec);
    keepAllocated(spec, old.spec);
    dropTypeDependentFields(spec, old.spec);
  },
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
};

/** Whether clients outside the cluster reach the Service. */
export function isExternallyAccessible({ type, externalIPs }: ServiceSpec): boolean {
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && (externalIPs ?? []).length > 0);
}

export function needsHealthCheck({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

export const needsClusterIp = ({ type }: ServiceSpec) =>
  type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer';

export const needsNodePort = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec) =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);

export const isHeadless = ({ clusterIPs }: ServiceSpec) => clusterIPs?.length === 1 && clusterIPs[0] === 'None';

function defaultSpec(spec: ServiceSpec): void {
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10800 } };
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    if (!port.targetPort) port.targetPort = port.port;
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (needsClusterIp(spec)) spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** clusterIP and the first of clusterIPs say the same, whichever the user changed (NormalizeClusterIPs). */
function syncClusterIps(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  const set = (ips: string[] | undefined) => {
    if (ips) spec.clusterIPs = ips;
    else delete spec.clusterIPs;
  };
  if (!old) {
    if (spec.clusterIP && !spec.clusterIPs?.length) set([spec.clusterIP]);
    return;
  }
  if ((spec.clusterIP ?? '') === (old.clusterIP ?? '')) return;
  if (!spec.clusterIP && old.clusterIP) {
    if (spec.clusterIPs?.[0] === old.clusterIPs?.[0]) set(undefined);
  } else if (spec.clusterIPs?.[0] === old.clusterIPs?.[0] && spec.clusterIP) set([spec.clusterIP]);
}

/** What was allocated stays when an update leaves it out (patchAllocatedValues). */
function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && needsClusterIp(spec)) {
    if (!spec.clusterIP) {
      if (old.clusterIP) spec.clusterIP = old.clusterIP;
      if (!spec.clusterIPs?.length && old.clusterIPs) spec.clusterIPs = old.clusterIPs;
    } else if (!spec.clusterIPs?.length && spec.clusterIP === old.clusterIP && old.clusterIPs)
      spec.clusterIPs = old.clusterIPs;
    if (!spec.ipFamilies?.length && old.ipFamilies && !spec.ipFamilyPolicy) spec.ipFamilies = old.ipFamilies;
    if (!spec.ipFamilyPolicy && old.ipFamilyPolicy) spec.ipFamilyPolicy = old.ipFamilyPolicy;
  }
  if (needsNodePort(old) && needsNodePort(spec))
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const before = old.ports?.find((other) => other.port === port.port && other.protocol === port.protocol);
      const taken = spec.ports?.some(
        (other) => other.nodePort === before?.nodePort && other.protocol === port.protocol,
      );
      if (before?.nodePort && !taken) port.nodePort = before.nodePort;
    }
  if (needsHealthCheck(old) && needsHealthCheck(spec) && !spec.healthCheckNodePort && old.healthCheckNodePort)
    spec.healthCheckNodePort = old.healthCheckNodePort;
}

/** A Service of another type gives up what only the old one needs, unless the user touched it (dropTypeDependentFields). */
function dropTypeDependentFields(spec: ServiceSpec, old: ServiceSpec): void {
  const unchanged = (field: keyof ServiceSpec) => JSON.stringify(spec[field]) === JSON.stringify(old[field]);
  if (needsClusterIp(old) && !needsClusterIp(spec) && unchanged('clusterIP') && unchanged('clusterIPs'))
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) delete spec[field];
  if (needsNodePort(old) && !needsNodePort(spec))
    for (const port of spec.ports ?? []) {
      const before = old.ports?.some((other) => other.nodePort === port.nodePort);
      if (before) delete port.nodePort;
    }
  if (needsHealthCheck(old) && !needsHealthCheck(spec) && unchanged('healthCheckNodePort'))
    delete spec.healthCheckNodePort;
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer')
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const)
      if (unchanged(field)) delete spec[field];
  if (isExternallyAccessible(old) && !isExternallyAccessible(spec) && unchanged('externalTrafficPolicy'))
    delete spec.externalTrafficPolicy;
}

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const kubeletPort = 10250;

function specErrors({ spec }: Service): Cause[] {
  const ports = spec.ports ?? [];
  const errors: Cause[] = [];
  if (!ports.length && !isHeadless(spec) && spec.type !== 'ExternalName') errors.push(required('spec.ports'));
  errors.push(...typeErrors(spec));
  errors.push(...portErrors(ports));
  errors.push(...validateLabels(spec.selector, 'spec.selector'));
  errors.push(...affinityErrors(spec));
  errors.push(...clusterIpErrors(spec));
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const own = at('spec.externalIPs', i);
    errors.push(...(isIP(ip) ? validateNonSpecialIp(ip, own) : validateIp(ip, own)));
  }
  if (!spec.type) errors.push(required('spec.type'));
  else if (!types.includes(spec.type)) errors.push(notSupported('spec.type', spec.type, types));
  if (spec.type === 'ClusterIP')
    for (const [i, port] of ports.entries())
      if (port.nodePort)
        errors.push(forbiddenField(`${at('spec.ports', i)}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
  errors.push(...sourceRangeErrors(spec));
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== 'LoadBalancer')
    errors.push(forbiddenField('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'"));
  errors.push(...classErrors(spec, undefined));
  return [...errors, ...trafficErrors(spec)];
}

function typeErrors(spec: ServiceSpec): Cause[] {
  const errors: Cause[] = [];
  if (spec.type === 'LoadBalancer')
    for (const [i, { port }] of (spec.ports ?? []).entries())
      if (port === kubeletPort)
        errors.push(
          invalidValue(
            at('spec.ports', i),
            port,
            `may not expose port ${kubeletPort} externally since it is used by kubelet`,
          ),
        );
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec))
    errors.push(invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  if (spec.type !== 'ExternalName') return errors;
  for (const field of ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const)
    if (spec[field]?.length) errors.push(forbiddenField(`spec.${field}`, 'may not be set for ExternalName services'));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (!name) errors.push(required('spec.externalName'));
  else errors.push(...invalidEach('spec.externalName', name, dns1123Subdomain(name)));
  return errors;
}

function portErrors(ports: readonly ServicePort[]): Cause[] {
  const errors: Cause[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const own = at('spec.ports', i);
    if (ports.length > 1 && !port.name) errors.push(required(`${own}.name`));
    else if (port.name) {
      errors.push(...invalidEach(`${own}.name`, port.name, dns1123Label(port.name)));
      if (names.has(port.name)) errors.push(duplicate(`${own}.name`, port.name));
      names.add(port.name);
    }
    errors.push(...invalidEach(`${own}.port`, port.port, portNumber(port.port)));
    if (!port.protocol) errors.push(required(`${own}.protocol`));
    else if (!protocols.includes(port.protocol)) errors.push(notSupported(`${own}.protocol`, port.protocol, protocols));
    errors.push(...validatePortNumberOrName(port.targetPort ?? 0, `${own}.targetPort`));
    if (port.appProtocol !== undefined)
      errors.push(...invalidEach(`${own}.appProtocol`, port.appProtocol, qualifiedName(port.appProtocol)));
  }
  for (const [i, { protocol, port, nodePort }] of ports.entries()) {
    const own = at('spec.ports', i);
    if (nodePort && nodePorts.has(`${protocol}/${nodePort}`)) errors.push(duplicate(`${own}.nodePort`, nodePort));
    nodePorts.add(`${protocol}/${nodePort}`);
    if (numbers.has(`${protocol}/${port}`)) errors.push(duplicate(own, { protocol, port }));
    numbers.add(`${protocol}/${port}`);
  }
  return errors;
}

const protocols = ['SCTP', 'TCP', 'UDP'];

function affinityErrors({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): Cause[] {
  const own = 'spec.sessionAffinityConfig';
  if (!sessionAffinity) return [required('spec.sessionAffinity')];
  if (sessionAffinity === 'None')
    return config ? [forbiddenField(own, 'must not be set when session affinity is None')] : [];
  if (sessionAffinity !== 'ClientIP')
    return [notSupported('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])];
  const seconds = config?.clientIP?.timeoutSeconds;
  if (seconds === undefined) return [required(own, 'when session affinity type is ClientIP')];
  return seconds <= 0 || seconds > 86400
    ? [invalidValue(`${own}.clientIP.timeoutSeconds`, seconds, 'must be greater than 0 and less than 86400')]
    : [];
}

function sourceRangeErrors({ type, loadBalancerSourceRanges = [] }: ServiceSpec): Cause[] {
  if (!loadBalancerSourceRanges.length) return [];
  const own = 'spec.LoadBalancerSourceRanges';
  const errors = type === 'LoadBalancer' ? [] : [forbiddenField(own, "may only be used when `type` is 'LoadBalancer'")];
  for (const [i, range] of loadBalancerSourceRanges.entries()) {
    const [address = '', bits = ''] = range.trim().split('/');
    const valid = isIP(address) && /^\d+$/.test(bits) && Number(bits) <= (isIPv6(address) ? 128 : 32);
    if (!valid)
      errors.push(
        invalidValue(at(own, i), range.trim(), 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
      );
  }
  return errors;
}

function classErrors(spec: ServiceSpec, old: ServiceSpec | undefined): Cause[] {
  const own = 'spec.loadBalancerClass';
  const name = spec.loadBalancerClass;
  if (old?.type === 'LoadBalancer' && spec.type === 'LoadBalancer')
    return old.loadBalancerClass === name ? [] : [invalidValue(own, name, 'may not change once set')];
  if (name === undefined) return [];
  if (spec.type !== 'LoadBalancer') return [forbiddenField(own, "may only be used when `type` is 'LoadBalancer'")];
  return invalidEach(own, name, qualifiedName(name));
}

function trafficErrors(spec: ServiceSpec): Cause[] {
  const errors: Cause[] = [];
  const policies = ['Cluster', 'Local'];
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort } = spec;
  if (!isExternallyAccessible(spec)) {
    if (external)
      errors.push(
        invalidValue('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'),
      );
  } else if (!external) errors.push(required('spec.externalTrafficPolicy'));
  else if (!policies.includes(external)) errors.push(notSupported('spec.externalTrafficPolicy', external, policies));
  if (!needsHealthCheck(spec)) {
    if (healthCheckNodePort)
      errors.push(
        invalidValue(
          'spec.healthCheckNodePort',
          healthCheckNodePort,
          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
      );
  } else if (!healthCheckNodePort) errors.push(required('spec.healthCheckNodePort'));
  else errors.push(...invalidEach('spec.healthCheckNodePort', healthCheckNodePort, portNumber(healthCheckNodePort)));
  if (internal === undefined) {
    if (needsClusterIp(spec)) errors.push(required('spec.internalTrafficPolicy'));
  } else if (!policies.includes(internal)) errors.push(notSupported('spec.internalTrafficPolicy', internal, policies));
  const distribution = spec.trafficDistribution;
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  if (distribution !== undefined && !distributions.includes(distribution))
    errors.push(notSupported('spec.trafficDistribution', distribution, distributions));
  return errors;
}
