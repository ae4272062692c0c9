import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { type RegistryHost, readRegistryHosts } from './hosts-toml.ts';

/**
 * <dir>/registries.yaml, read at each pull; all parts optional:
 *
 *     registries:
 *       docker.io:
 *         mirrors: [https://mirror.example.org, http://10.0.0.5:5000]   # tried in order, before the registry itself
 *       registry.example.org:5000:
 *         insecure: true          # certificate not verified; plain HTTP if it speaks no TLS
 *         ca: /etc/ssl/example.pem
 *         username: me
 *         password: secret
 *
 * What is said of a mirror's host ('mirror.example.org') holds for it as a mirror, too.
 */
export interface RegistryConfig {
  registries?: Record<string, RegistrySettings>;
  /** Directories in containerd's form, for registries that are not above; the first that knows a registry counts. */
  hostsDirectories?: string[];
}

export interface RegistrySettings {
  mirrors?: string[];
  insecure?: boolean;
  ca?: string;
  username?: string;
  password?: string;
}

/** One place to ask: its base URL ('https://registry-1.docker.io') and how far it is trusted. */
export interface Endpoint {
  url: URL;
  /** Name of the registry the endpoint stands for, which mirrors get as the parameter `ns`. */
  registry: string;
  mirror: boolean;
  /** The certificate is not verified. */
  insecure: boolean;
  /** Asked only when the one before it does not speak its protocol. */
  fallback: boolean;
  ca?: Buffer | Buffer[];
  /** The client's own certificates. */
  client?: { cert: Buffer[]; key: Buffer[] };
  headers?: Record<string, string>;
  /** It is not to be asked what a tag stands for. */
  onlyDigests?: boolean;
  /** The API is at the URL itself, not at /v2 below it. */
  overridePath?: boolean;
  username?: string;
  password?: string;
}

export function readRegistryConfig(dir: string): RegistryConfig {
  const file = path.join(dir, 'registries.yaml');
  const hostsDirectories = [path.join(dir, 'certs.d'), '/etc/containerd/certs.d'];
  try {
    return { hostsDirectories, ...(parse(readFileSync(file, 'utf8')) as RegistryConfig | null) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { hostsDirectories };
    throw new Error(`read registry configuration ${file}`, { cause: error });
  }
}

/**
 * Where to ask for an image of `registry`: its mirrors, then itself. Insecure ones are tried with TLS and then without;
 * those on loopback are insecure, as in docker and containerd, and most of them speak plain HTTP.
 */
export function endpointsOf(registry: string, config: RegistryConfig): Endpoint[] {
  const of = (name: string) => config.registries?.[name] ?? {};
  if (!config.registries?.[registry]) {
    const hosts = (config.hostsDirectories ?? []).map((one) => readRegistryHosts(one, registry)).find(Boolean);
    if (hosts) return hosts.flatMap((host) => hostEndpoints(host, registry));
  }
  const mirrors = (of(registry).mirrors ?? []).flatMap((mirror) => {
    const url = new URL(mirror.includes('://') ? mirror : `https://${mirror}`);
    return [endpoint(url, registry, of(url.host), { mirror: true })];
  });
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const settings = of(registry);
  const self = (scheme: string, { fallback = false, insecure = false } = {}) =>
    endpoint(new URL(`${scheme}://${host}`), registry, { ...settings, insecure }, { fallback });
  if (settings.insecure) return [...mirrors, self('https', { insecure: true }), self('http', { fallback: true })];
  if (isLoopback(host) && settings.ca === undefined)
    return [...mirrors, self('http'), self('https', { fallback: true, insecure: true })];
  return [...mirrors, self('https')];
}

/** A host that is trusted whatever it shows, or is here, may speak plain HTTP. */
function hostEndpoints(host: RegistryHost, registry: string): Endpoint[] {
  if (!host.pull) return [];
  const { url, insecure, ca, client, headers, resolve, overridePath, isServer } = host;
  const files = (list: string[]) => list.map((file) => readFileSync(file));
  const plain: Endpoint = {
    ...{ url, registry, mirror: !isServer, fallback: false, insecure, headers, overridePath },
    onlyDigests: !resolve,
    ...(ca.length > 0 && { ca: files(ca) }),
    ...(client.length > 0 && {
      client: {
        cert: files(client.map(([certificate]) => certificate)),
        key: files(client.map(([certificate, key]) => key ?? certificate)),
      },
    }),
  };
  if (url.protocol !== 'https:' || !(insecure || (isLoopback(url.host) && ca.length === 0))) return [plain];
  const other = new URL(url);
  other.protocol = 'http:';
  return [plain, { ...plain, url: other, fallback: true }];
}

function endpoint(
  url: URL,
  registry: string,
  { insecure = false, ca, username, password }: RegistrySettings,
  { mirror = false, fallback = false },
): Endpoint {
  return {
    ...{ url, registry, mirror, fallback, insecure },
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  };
}

function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || /^127\./.test(name) || name === '[::1]';
}
