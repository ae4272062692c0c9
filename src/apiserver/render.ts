import type { KubeObject, ListMetadata } from '../api/object.ts';
import { apiVersionOf } from '../api/resource.ts';
import type { Call } from './backend.ts';
import type { Accepted } from './http/media-type.ts';
import { contentTypes } from './http/media-type.ts';
import type { Rendering } from './render-table.ts';
import type { ApiResponse } from './request.ts';
import type { CacheEntry } from './storage/cache-entry.ts';
import { prepareViews, viewOf } from './views.ts';

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}\n');

/** An object from the cache: as bytes without decoding or encoding, if the client takes plain JSON. */
export async function renderEntry(call: Call, entry: CacheEntry, status = 200): Promise<ApiResponse> {
  await prepareViews([entry], call.resource);
  const view = viewOf(entry, call.resource);
  if (!isPlain(call.accepted)) return renderObject(call, view.object, status);
  return { status, headers: { 'content-type': contentTypes.json }, body: view.bytes };
}

/** Any object or Status, in the negotiated format. */
export async function renderObject(call: Rendering, object: object, status = 200): Promise<ApiResponse> {
  const { accepted } = call;
  if (accepted.as === undefined) return encode(accepted, object, status);
  const { transformObject } = await import('./render-as.ts');
  return encode(accepted, await transformObject(call, object as KubeObject), status);
}

/** A list: cached bytes between a head and commas, written in few large pieces. */
export async function renderList(call: Call, entries: CacheEntry[], metadata: ListMetadata): Promise<ApiResponse> {
  const { resource, accepted } = call;
  await prepareViews(entries, resource);
  const head = {
    kind: resource.info.listKind ?? `${resource.info.kind}List`,
    apiVersion: apiVersionOf(resource.info),
    metadata,
  };
  if (!isPlain(accepted)) {
    const items = entries.map((entry) => viewOf(entry, resource).object);
    return renderItems(call, head, items);
  }
  const chunks: Uint8Array[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`)];
  const items = entries.map((entry) => viewOf(entry, resource).bytes);
  for (const [i, item] of items.entries()) {
    if (i > 0) chunks.push(comma);
    chunks.push(item);
  }
  chunks.push(listEnd);
  return { status: 200, headers: { 'content-type': contentTypes.json }, body: chunks, items };
}

/** A list of any objects, in the negotiated format. */
export async function renderItems(
  call: Rendering,
  head: { kind: string; apiVersion: string; metadata: ListMetadata },
  items: KubeObject[],
): Promise<ApiResponse> {
  const { accepted } = call;
  if (accepted.as === undefined) return encode(accepted, { ...head, items }, 200);
  const { transformList } = await import('./render-as.ts');
  return encode(accepted, await transformList(call, items, head.metadata), 200);
}

export function isPlain(accepted: Accepted): boolean {
  return accepted.format === 'json' && accepted.as === undefined && !accepted.pretty;
}

/** A value in the format that was asked for. */
export async function encode(accepted: Accepted, value: object, status: number): Promise<ApiResponse> {
  const body = (await loadEncoder(accepted))(value);
  return { status, headers: { 'content-type': contentTypes[accepted.format] }, body };
}

/** As Go's yaml writes: quoted what YAML 1.1 would take for a date, a number or a yes; no anchors, no broken lines. */
const yamlOptions = { version: '1.1', indentSeq: false, lineWidth: 0, aliasDuplicateObjects: false } as const;

/** The encoder of a format; the rarer ones are loaded when first asked for. */
export async function loadEncoder({ format, pretty }: Accepted): Promise<(value: object) => Uint8Array> {
  if (format === 'yaml') {
    const { stringify } = await import('yaml');
    return (value) => Buffer.from(stringify(value, yamlOptions));
  }
  if (format === 'protobuf') {
    const { encodeObjectAsProtobuf } = await import('./render-protobuf.ts');
    return encodeObjectAsProtobuf;
  }
  if (pretty) return (value) => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
  return (value) => Buffer.from(`${JSON.stringify(value)}\n`);
}
