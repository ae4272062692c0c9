import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

/**
 * <dir>/registries.yaml, all parts optional:
 *
 *     registries:
 *       docker.io:
 *         mirrors: [https://mirror.example.org, http://10.0.0.5:5000]   # tried in order, before the registry itself
 *       registry.example.org:5000:
 *         insecure: true          # plain HTTP; for an https:// mirror: certificate not verified
 *         ca: /etc/ssl/example.pem
 *         username: me
 *         password: secret
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
  insecure: boolean;
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

/** Where to ask for an image of `registry`: its mirrors, then itself. Loopback registries speak plain HTTP, as in docker. */
export function endpointsOf(registry: string, config: RegistryConfig): Endpoint[] {
  const settings = config.registries?.[registry] ?? {};
  const ca = settings.ca === undefined ? {} : { ca: readFileSync(settings.ca) };
  const mirrors = (settings.mirrors ?? []).map((mirror) => {
    const url = new URL(mirror.includes('://') ? mirror : `https://${mirror}`);
    const own = config.registries?.[url.host] ?? {};
    return { url, registry, mirror: true, insecure: own.insecure ?? false, ...credentials(own) };
  });
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const insecure = settings.insecure ?? false;
  const scheme = insecure || isLoopback(host) ? 'http' : 'https';
  const self = {
    url: new URL(`${scheme}://${host}`),
    registry,
    mirror: false,
    insecure,
    ...ca,
    ...credentials(settings),
  };
  return [...mirrors, self];
}

function credentials({ username, password }: RegistrySettings): { username?: string; password?: string } {
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || /^127\./.test(name) || name === '[::1]';
}
