import type { Answer, RecordType } from 'dns-packet';
import type { Service, ServicePort } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';

/** What names are made of. */
export interface DnsData {
  zone: string;
  /** By 'namespace/name'. */
  service(key: string): Service | undefined;
  slices(serviceKey: string): EndpointSlice[];
  /** All, or those of a namespace. */
  services(namespace?: string): Service[];
  /** Whether an address is the cluster's, so that its reverse name is ours to answer. */
  ownsAddress(address: string): boolean;
}

/** Answers to a question about a name of ours; undefined records: there is no such name. */
export interface Resolution {
  exists: boolean;
  answers: Answer[];
  additionals: Answer[];
  /** A name outside the zone that the last CNAME points to, for the caller to look up. */
  chase?: string;
}

/** Seconds that answers may be kept: kubeadm's CoreDNS says 30; denials go sooner. */
export const ttlSeconds = 30;
export const negativeTtlSeconds = 5;
/** dns-version.<zone> TXT (Kubernetes DNS specification, section 2.2). */
const specificationVersion = '1.1.0';

/** Resolves by the Kubernetes DNS-Based Service Discovery specification 1.1; undefined when the name is not ours. */
export function resolve(question: { name: string; type: RecordType }, data: DnsData): Resolution | undefined {
  const name = question.name.toLowerCase();
  const records = recordsOf(name, data);
  if (records === 'foreign') return undefined;
  if (records === undefined) return { exists: false, answers: [], additionals: [] };
  const named = records.map((record) => ({ ...record, name: question.name }) as Answer);
  const alias = named.find((record) => record.type === 'CNAME');
  if (alias?.type === 'CNAME' && question.type !== 'CNAME') return followAlias(alias, alias.data, question.type, data);
  const answers = named.filter((record) => record.type === question.type || (question.type as string) === 'ANY');
  return { exists: true, answers, additionals: answers.flatMap((answer) => targetAddresses(answer, data)) };
}

function followAlias(alias: Answer, target: string, type: RecordType, data: DnsData): Resolution {
  // One step within the zone: an alias of an alias would need a Service of type ExternalName that names another.
  const next = recordsOf(target, data);
  if (next === 'foreign') return { exists: true, answers: [alias], additionals: [], chase: target };
  return { exists: true, answers: [alias, ...(next ?? []).filter((record) => record.type === type)], additionals: [] };
}

/** Addresses of an SRV record's target, so that the client need not ask again. */
function targetAddresses(answer: Answer, data: DnsData): Answer[] {
  if (answer.type !== 'SRV') return [];
  const records = recordsOf(answer.data.target, data);
  return records === 'foreign' ? [] : (records ?? []).filter((record) => record.type === 'A');
}

/** All records of a name; undefined: no such name; 'foreign': not of our zones. */
function recordsOf(name: string, data: DnsData): Answer[] | undefined | 'foreign' {
  if (name.endsWith('.in-addr.arpa')) return reverseRecords(name, data);
  if (name !== data.zone && !name.endsWith(`.${data.zone}`)) return 'foreign';
  const labels = name
    .slice(0, -data.zone.length - 1)
    .split('.')
    .filter(Boolean);
  const kind = labels.pop();
  if (kind === undefined) return [{ name, type: 'NS', ttl: ttlSeconds, data: `ns.dns.${data.zone}` }, soa(data.zone)];
  if (kind === 'dns-version' && labels.length === 0)
    return [{ name, type: 'TXT', ttl: ttlSeconds, data: specificationVersion }];
  if (kind === 'svc') return serviceNames(name, labels, data);
  if (kind === 'pod') return podNames(name, labels, data);
  return undefined;
}

function serviceNames(name: string, labels: string[], data: DnsData): Answer[] | undefined {
  const namespace = labels.pop();
  if (namespace === undefined) return [];
  const serviceName = labels.pop();
  if (serviceName === undefined) return data.services(namespace).length > 0 ? [] : undefined;
  const service = data.service(`${namespace}/${serviceName}`);
  if (!service) return undefined;
  const { type, externalName, clusterIP } = service.spec ?? {};
  if (type === 'ExternalName') {
    const target = (externalName ?? '').toLowerCase().replace(/\.$/, '');
    return labels.length === 0 ? [{ name, type: 'CNAME', ttl: ttlSeconds, data: target }] : undefined;
  }
  const base = `${serviceName}.${namespace}.svc.${data.zone}`;
  if (clusterIP === 'None')
    return headlessNames(name, labels, base, endpointsOf(data.slices(`${namespace}/${serviceName}`)));
  const hasAddress = clusterIP !== undefined && clusterIP !== '';
  if (labels.length === 0) return hasAddress ? [a(name, clusterIP)] : [];
  if (labels.length > 2) return undefined;
  const ports = hasAddress ? (service.spec?.ports ?? []).filter((port) => matches(port, labels)) : [];
  if (ports.length === 0) return undefined;
  return labels.length === 1 ? [] : ports.map((port) => srv(name, base, port.port, ports.length));
}

/** '_http._tcp', or the empty name '_tcp' above it. */
function matches({ name, protocol = 'TCP' }: Pick<ServicePort, 'name' | 'protocol'>, labels: string[]): boolean {
  const [first, second] = labels;
  if (labels.length === 1) return first === `_${protocol.toLowerCase()}`;
  return !!name && first === `_${name}` && second === `_${protocol.toLowerCase()}`;
}

interface NamedEndpoint {
  ip: string;
  /** Its hostname, or its address with dashes, as CoreDNS names it. */
  label: string;
  ports: { name?: string; port: number; protocol?: ServicePort['protocol'] }[];
}

/** Section 2.4: a name per endpoint, and one for all. */
function headlessNames(name: string, labels: string[], base: string, endpoints: NamedEndpoint[]): Answer[] | undefined {
  const addresses = (chosen: NamedEndpoint[]) => [...new Set(chosen.map(({ ip }) => ip))].map((ip) => a(name, ip));
  if (labels.length === 0) return addresses(endpoints);
  const [first = ''] = labels;
  if (labels.length === 1 && !first.startsWith('_')) {
    const chosen = endpoints.filter(({ label }) => label === first);
    return chosen.length > 0 ? addresses(chosen) : undefined;
  }
  if (labels.length > 2) return undefined;
  const found = endpoints.flatMap(({ label, ports }) =>
    ports.filter((port) => matches(port, labels)).map((port) => ({ target: `${label}.${base}`, port: port.port })),
  );
  if (found.length === 0) return undefined;
  const distinct = [...new Map(found.map((one) => [`${one.target}:${one.port}`, one])).values()];
  return labels.length === 1 ? [] : distinct.map(({ target, port }) => srv(name, target, port, distinct.length));
}

function endpointsOf(slices: EndpointSlice[]): NamedEndpoint[] {
  return slices
    .filter(({ addressType }) => addressType === 'IPv4')
    .flatMap(({ endpoints = [], ports = [] }) =>
      endpoints
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses, hostname }) =>
          addresses.map((ip) => ({
            ip,
            label: hostname?.toLowerCase() || ip.replaceAll('.', '-'),
            ports: (ports ?? [])
              .filter((port) => port.port !== undefined)
              .map((port) => ({ ...port, port: port.port! })),
          })),
        ),
    );
}

/** 'a-b-c-d.namespace.pod.<zone>', as CoreDNS answers with 'pods insecure': without looking whether there is such a Pod. */
function podNames(name: string, labels: string[], data: DnsData): Answer[] | undefined {
  const namespace = labels.pop();
  if (namespace === undefined) return [];
  const known = data.services(namespace).length > 0;
  const dashed = labels.pop();
  if (dashed === undefined) return known ? [] : undefined;
  const ip = dashed.replaceAll('-', '.');
  return labels.length === 0 && isAddress(ip) ? [a(name, ip)] : undefined;
}

/** Section 2.3.3: ClusterIPs, and endpoints of headless Services that have a hostname. */
function reverseRecords(name: string, data: DnsData): Answer[] | undefined | 'foreign' {
  const ip = name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.');
  if (!isAddress(ip)) return 'foreign';
  const names = data.services().flatMap((service) => reverseNames(service, ip, data));
  if (names.length > 0) return names.map((target) => ({ name, type: 'PTR', ttl: ttlSeconds, data: target }));
  return data.ownsAddress(ip) ? undefined : 'foreign';
}

function reverseNames(service: Service, ip: string, data: DnsData): string[] {
  const { name, namespace } = service.metadata ?? {};
  const base = `${name}.${namespace}.svc.${data.zone}`;
  if (service.spec?.clusterIP === ip) return [base];
  if (service.spec?.clusterIP !== 'None') return [];
  const found = endpointsOf(data.slices(`${namespace}/${name}`)).find((endpoint) => endpoint.ip === ip);
  return found ? [`${found.label}.${base}`] : [];
}

/** The zone's start of authority, sent with every denial so that resolvers know how long to keep it (RFC 2308). */
export function soa(zone: string): Answer {
  const data = {
    mname: `ns.dns.${zone}`,
    rname: `hostmaster.${zone}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: negativeTtlSeconds,
  };
  return { name: zone, type: 'SOA', ttl: negativeTtlSeconds, data };
}

const a = (name: string, ip: string): Answer => ({ name, type: 'A', ttl: ttlSeconds, data: ip });

/** Equal weights that add up to 100, as CoreDNS gives them. */
function srv(name: string, target: string, port: number, count: number): Answer {
  return { name, type: 'SRV', ttl: ttlSeconds, data: { priority: 0, weight: Math.floor(100 / count), port, target } };
}

function isAddress(text: string): boolean {
  return /^(\d{1,3}\.){3}\d{1,3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255);
}
