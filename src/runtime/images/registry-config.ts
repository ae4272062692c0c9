import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

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
  ca?: Buffer;
  username?: string;
  password?: string;
}

export function readRegistryConfig(dir: string): RegistryConfig {
  const file = path.join(dir, 'registries.yaml');
  try {
    return (parse(readFileSync(file, 'utf8')) as RegistryConfig | null) ?? {};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Error(`read registry configuration ${file}`, { cause: error });
  }
}

/**
 * Where to ask for an image of `registry`: its mirrors, then itself. Insecure ones are tried with TLS and then without;
 * those on loopback are insecure, as in docker and containerd, and most of them speak plain HTTP.
 */
export function endpointsOf(registry: string, config: RegistryConfig): Endpoint[] {
  const of = (name: string) => config.registries?.[name] ?? {};
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
