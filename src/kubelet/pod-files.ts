import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Pod, PodSpec } from '../api/generated/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import type { ClusterPaths } from '../paths.ts';

/** Where the kubelet keeps what belongs to one Pod. */
export interface PodDirs {
  /** On tmpfs, gone with the machine: hosts, resolv.conf, Secrets, tokens, termination messages. */
  run: string;
  /** On disk: emptyDir volumes. */
  state: string;
  /** `<podLogs>/<namespace>_<name>_<uid>`, the kubelet's own layout. */
  logs: string;
}

export function podDirs(paths: ClusterPaths, pod: Pod): PodDirs {
  const { namespace, name, uid } = pod.metadata;
  return {
    run: path.join(paths.run, 'kubelet/pods', uid),
    state: path.join(paths.state, 'kubelet/pods', uid),
    logs: path.join(paths.podLogs, `${namespace}_${name}_${uid}`),
  };
}

/** Host name and domain of a Pod (kubelet_pods.go GeneratePodHostNameAndDomain; at most 63 characters). */
export function podHostname(pod: Pod, clusterDomain: string): { hostname: string; domain: string } {
  const { spec, metadata } = pod;
  if (spec.hostnameOverride) return { hostname: spec.hostnameOverride, domain: '' };
  const short = (spec.hostname || metadata.name).slice(0, 63).replace(/[-.]+$/, '');
  const domain = spec.subdomain ? `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}` : '';
  if (!spec.setHostnameAsFQDN || !domain) return { hostname: short, domain };
  const full = `${short}.${domain}`;
  if (full.length > 64)
    throw new Error(
      `failed to construct FQDN from Pod hostname and cluster domain, FQDN ${full} is too long (64 characters is the max, ${full.length} characters requested)`,
    );
  return { hostname: full, domain };
}

/** /etc/hosts of a Pod (kubelet_pods.go managedHostsFileContent). */
export function hostsFile(pod: Pod, podIPs: string[], hostname: string, domain: string): string {
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
  ];
  const short = hostname.split('.')[0];
  for (const ip of podIPs) lines.push(domain ? `${ip}\t${short}.${domain}\t${short}` : `${ip}\t${hostname}`);
  return `${lines.join('\n')}\n${hostAliases(pod.spec)}`;
}

/** /etc/hosts of a Pod on the host's network: the host's own, and the aliases. */
export async function hostNetworkHostsFile(pod: Pod): Promise<string> {
  const own = await readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1\tlocalhost\n');
  return `# Kubernetes-managed hosts file (host network).\n${own}${hostAliases(pod.spec)}`;
}

function hostAliases({ hostAliases: aliases = [] }: PodSpec): string {
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}

export interface HostResolver {
  nameservers: string[];
  searches: string[];
  options: string[];
}

/** The parts of a resolv.conf (resolv.conf(5)). */
export function parseResolvConf(text: string): HostResolver {
  const resolver: HostResolver = { nameservers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && values[0]) resolver.nameservers.push(values[0]);
    else if (keyword === 'search') resolver.searches = values.filter((value) => value !== '.');
    else if (keyword === 'options') resolver.options.push(...values);
  }
  return resolver;
}

/** /etc/resolv.conf of a Pod by its dnsPolicy and dnsConfig (kubelet network/dns/dns.go GetPodDNS). */
export function resolvConf(
  pod: Pod,
  cluster: { dnsServiceIp: string; clusterDomain: string },
  host: HostResolver,
): string {
  const { spec, metadata } = pod;
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  const clusterFirst = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !spec.hostNetwork);
  const base: HostResolver =
    policy === 'None'
      ? { nameservers: [], searches: [], options: [] }
      : clusterFirst
        ? {
            nameservers: [cluster.dnsServiceIp],
            searches: [
              `${metadata.namespace}.svc.${cluster.clusterDomain}`,
              `svc.${cluster.clusterDomain}`,
              cluster.clusterDomain,
              ...host.searches,
            ],
            options: ['ndots:5'],
          }
        : host;
  const { nameservers = [], searches = [], options = [] } = spec.dnsConfig ?? {};
  const merged = new Map(base.options.map((option) => [option.split(':')[0]!, option]));
  for (const { name = '', value } of options) merged.set(name, value === undefined ? name : `${name}:${value}`);
  const allSearches = [...new Set([...base.searches, ...searches])].slice(0, 32);
  const lines = [
    ...(allSearches.length ? [`search ${allSearches.join(' ')}`] : []),
    ...[...new Set([...base.nameservers, ...nameservers])].slice(0, 3).map((server) => `nameserver ${server}`),
    ...(merged.size ? [`options ${[...merged.values()].join(' ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** What the host resolves with, read again after a while: a laptop moves between networks. */
export function cachedHostResolver(clock: Clock): () => Promise<HostResolver> {
  let known: { atMs: number; value: Promise<HostResolver> } | undefined;
  return () => {
    if (!known || clock.steady() - known.atMs > 10_000) known = { atMs: clock.steady(), value: hostResolver() };
    return known.value;
  };
}

/** The host's resolver; behind systemd-resolved's stub the real one (as kubeadm configures it). */
async function hostResolver(): Promise<HostResolver> {
  const read = (file: string) => readFile(file, 'utf8').catch(() => '');
  const resolver = parseResolvConf(await read('/etc/resolv.conf'));
  if (resolver.nameservers.every((server) => server.startsWith('127.'))) {
    const real = parseResolvConf(await read('/run/systemd/resolve/resolv.conf'));
    if (real.nameservers.length) return real;
  }
  return resolver;
}
