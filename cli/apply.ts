import fs from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../src/api/object.ts';
import { apiVersionOf, builtinResources, type Resource } from '../src/api/resource.ts';
import { UserError } from '../src/base/errors.ts';
import type { Client } from '../src/client/client.ts';
import { clusterClient } from './access.ts';
import { type Command, listOption, UsageError } from './command.ts';

export const command: Command = {
  options: { filename: { type: 'string', short: 'f', multiple: true }, namespace: { type: 'string', short: 'n' } },
  help: `
Applies manifests by server-side apply, for machines without kubectl.

  -f, --filename FILE    YAML or JSON file, a folder of them, or - for standard input; repeatable
  -n, --namespace NS     for objects that name none (default: default)

example:
  vitrine apply -f examples/`,
  run: async (invocation) => {
    const files = listOption(invocation, 'filename');
    if (files.length === 0) throw new UsageError('nothing to apply: give -f FILE');
    const client = clusterClient(invocation.name);
    const namespace = typeof invocation.values.namespace === 'string' ? invocation.values.namespace : 'default';
    for (const object of files.flatMap(readManifests))
      invocation.out.line(await applyManifest(client, object, namespace));
    client.close();
    return 0;
  },
};

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  [field: string]: unknown;
}

/** Every object of a file, a folder (not deeper), or standard input ('-'); Lists are spread out. */
export function readManifests(file: string): Manifest[] {
  if (file !== '-' && fs.statSync(file).isDirectory())
    return fs
      .readdirSync(file)
      .filter((name) => /\.(ya?ml|json)$/.test(name))
      .sort()
      .flatMap((name) => readManifests(path.join(file, name)));
  const text = fs.readFileSync(file === '-' ? 0 : file, 'utf8');
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error) throw new UserError(`${file}: not YAML: ${error.message}`);
    return spread(document.toJS(), file);
  });
}

function spread(value: unknown, file: string): Manifest[] {
  if (value === null || value === undefined) return [];
  const object = value as Manifest & { items?: unknown[] };
  if (typeof object.apiVersion !== 'string' || typeof object.kind !== 'string')
    throw new UserError(`${file}: an object without apiVersion or kind`);
  if (object.kind === 'List') return (object.items ?? []).flatMap((item) => spread(item, file));
  if (!object.metadata?.name) throw new UserError(`${file}: ${object.kind} without metadata.name`);
  return [object];
}

/** Applies one object; the line says what happened, as kubectl words it. */
export async function applyManifest(client: Client, manifest: Manifest, namespace: string): Promise<string> {
  const resource = resourceOf(manifest);
  const inNamespace = resource.namespaced ? (manifest.metadata.namespace ?? namespace) : undefined;
  await client.patch(
    resource,
    manifest.metadata.name,
    inNamespace,
    { type: 'apply', body: manifest },
    { fieldManager: 'vitrine' },
  );
  const title = resource.group ? `${resource.kind.toLowerCase()}.${resource.group}` : resource.kind.toLowerCase();
  return `${title}/${manifest.metadata.name} serverside-applied`;
}

function resourceOf(manifest: Manifest): Resource<KubeObject> {
  const found = builtinResources.find(
    (info) => info.kind === manifest.kind && apiVersionOf(info) === manifest.apiVersion,
  );
  if (!found)
    throw new UserError(`no matches for kind "${manifest.kind}" in version "${manifest.apiVersion}"`, {
      hint: 'custom resources: use kubectl apply',
    });
  return found;
}
