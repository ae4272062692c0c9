import type { Pod } from '../../api/generated/core-v1.ts';
import { describe, similarName, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** How libc, Go, Node, Python, curl, wget, Java and PostgreSQL say that a name was not found; the name is group 1. */
const patterns = [
  /lookup ([\w.-]+)(?: on \S+)?: (?:no such host|server misbehaving|i\/o timeout)/,
  /getaddrinfo (?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)/,
  /bad address '([\w.-]+)'/,
  /(?:Could not resolve host|could not translate host name|Name or service not known|unknown host|UnknownHostException)[: ]+"?([\w.-]+)/i,
  /unable to resolve host address ['‘`"]?([\w.-]+)/i,
  /\[Errno -[23]\] (?:Name or service not known|Temporary failure in name resolution)()/,
  /host not found in upstream "([\w.-]+?)(?::\d+)?"/,
];

/** Names that the program cannot look up, and why: no such Service, another namespace, a dnsPolicy without the cluster's DNS. */
export function diagnoseDns(pod: Pod, facts: WhyFacts): Finding[] {
  const found: Finding[] = [];
  for (const { name } of pod.spec.containers) {
    const lines = facts.logs.get(`${pod.metadata.uid}/${name}`) ?? [];
    for (const line of lines) {
      const host = patterns.map((pattern) => pattern.exec(line)).find((match) => match)?.[1];
      if (host === undefined) continue;
      found.push({
        code: 'NameNotFound',
        severity: 'error',
        subject: describe(pod),
        ...explain(host, pod, facts),
        evidence: [`log of ${name}: ${line}`, `dnsPolicy: ${pod.spec.dnsPolicy ?? 'ClusterFirst'}`],
      });
      break;
    }
  }
  return found.length > 0 ? found : noNameservers(pod);
}

function explain(host: string, pod: Pod, { services }: WhyFacts): { cause: string; hints: string[] } {
  const own = pod.metadata.namespace ?? 'default';
  const [name = '', namespace = own, kind] = host.replace(/\.$/, '').split('.');
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  const looksLocal = !host.includes('.') || host.endsWith('.cluster.local') || kind === 'svc';
  const target = services.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
  if (target && (policy === 'Default' || (policy === 'ClusterFirst' && pod.spec.hostNetwork)))
    return {
      cause: `it looks up Service "${host}", but asks the host's DNS, which does not know Services`,
      hints: [pod.spec.hostNetwork ? 'dnsPolicy: ClusterFirstWithHostNet' : 'dnsPolicy: ClusterFirst'],
    };
  if (target)
    return {
      cause: `it could not look up "${host}" although that Service exists`,
      hints: ['is DNS reachable from the Pod? A NetworkPolicy may forbid port 53'],
    };
  const elsewhere = services.filter(({ metadata }) => metadata.name === name).map(({ metadata }) => metadata.namespace);
  if (elsewhere.length > 0)
    return {
      cause: `it looks up Service "${host}", which is in namespace ${elsewhere.join(', ')}, not ${namespace}`,
      hints: [`use ${name}.${elsewhere[0]}`],
    };
  const alike = similarName(
    name,
    services.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name),
  );
  if (looksLocal && host)
    return {
      cause: `it looks up "${host}", but namespace ${namespace} has no Service "${name}"`,
      hints: [alike ? `was "${alike}" meant?` : `create Service ${name}`],
    };
  return {
    cause: host ? `it could not look up "${host}"` : 'it could not look up a name',
    hints: ['does the name exist outside? Does the host itself resolve it?'],
  };
}

function noNameservers(pod: Pod): Finding[] {
  if (pod.spec.dnsPolicy !== 'None' || (pod.spec.dnsConfig?.nameservers ?? []).length > 0) return [];
  return [
    {
      code: 'NoNameservers',
      severity: 'error',
      subject: describe(pod),
      cause: 'it has no DNS server: dnsPolicy is None and dnsConfig names none',
      evidence: [],
      hints: ['dnsPolicy: ClusterFirst, or spec.dnsConfig.nameservers'],
    },
  ];
}
