import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseToml, type TomlTable, type TomlValue } from './toml.ts';

/** One host to ask for the images of a registry. */
export interface RegistryHost {
  url: URL;
  /** It may be asked for what is pulled, and for what a tag stands for. */
  pull: boolean;
  resolve: boolean;
  insecure: boolean;
  /** Files of certificate authorities. */
  ca: string[];
  /** Files of a certificate and its key. */
  client: [certificate: string, key: string | undefined][];
  headers: Record<string, string>;
  /** The API is at the URL itself, not at /v2 below it. */
  overridePath: boolean;
  /** The registry itself comes last. */
  isServer: boolean;
}

/**
 * What a directory such as containerd's /etc/containerd/certs.d says of a registry (containerd docs/hosts.md): in a folder
 * of its name, or in _default, hosts.toml, or certificates as docker has them. Undefined when it says nothing.
 */
export function readRegistryHosts(directory: string, registry: string): RegistryHost[] | undefined {
  const [name, port] = registry.split(/:(?=\d+$)/);
  const names = [registry, ...(port ? [`${name}_${port}_`] : []), '_default'];
  const folder = names.map((one) => path.join(directory, one)).find((one) => existsSync(one));
  if (!folder) return undefined;
  const file = path.join(folder, 'hosts.toml');
  if (!existsSync(file)) return certificatesOnly(folder, registry);
  try {
    return hostsOf(parseToml(readFileSync(file, 'utf8')), folder, registry);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

const serverOf = (registry: string) => (registry === 'docker.io' ? 'registry-1.docker.io' : registry);

function hostsOf({ host, server, ...own }: TomlTable, folder: string, registry: string): RegistryHost[] {
  const mirrors = Object.entries(table(host, 'host')).map(([url, settings]) =>
    registryHost(url, table(settings, `host."${url}"`), folder, false),
  );
  const itself = typeof server === 'string' && server ? server : `https://${serverOf(registry)}`;
  return [...mirrors, registryHost(itself, own, folder, true)];
}

function registryHost(text: string, settings: TomlTable, folder: string, isServer: boolean): RegistryHost {
  const capabilities = settings.capabilities === undefined ? ['pull', 'resolve'] : strings(settings.capabilities);
  const absolute = (file: string) => path.resolve(folder, file);
  return {
    url: new URL(text.includes('://') ? text : `https://${text}`),
    pull: capabilities.includes('pull'),
    resolve: capabilities.includes('resolve'),
    insecure: settings.skip_verify === true,
    ca: strings(settings.ca).map(absolute),
    client: clients(settings.client).map(([certificate, key]) => [absolute(certificate), key && absolute(key)]),
    headers: Object.fromEntries(
      Object.entries(table(settings.header, 'header')).map(([name, value]) => [name, strings(value).join(', ')]),
    ),
    overridePath: settings.override_path === true,
    isServer,
  };
}

/** A certificate and key, several, or files that hold both. */
function clients(value: TomlValue | undefined): [string, string | undefined][] {
  if (typeof value === 'string') return [[value, undefined]];
  return (Array.isArray(value) ? value : []).map((one) => {
    const [certificate = '', key] = strings(one);
    return [certificate, key || undefined];
  });
}

/** As docker has it: *.crt are authorities, *.cert with *.key the client's. */
function certificatesOnly(folder: string, registry: string): RegistryHost[] | undefined {
  const files = readdirSync(folder);
  const ca = files.filter((name) => name.endsWith('.crt'));
  const client = files.filter((name) => name.endsWith('.cert')).map((name) => [name, name.replace(/cert$/, 'key')]);
  if (ca.length === 0 && client.length === 0) return undefined;
  return [registryHost(serverOf(registry), { ca, client }, folder, true)];
}

function strings(value: TomlValue | undefined): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

function table(value: TomlValue | undefined, name: string): TomlTable {
  if (value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${name} must be a table`);
  return value;
}
