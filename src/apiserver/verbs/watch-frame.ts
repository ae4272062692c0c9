import type { StatusObject } from '../../api/object.ts';
import { apiVersionOf } from '../../api/resource.ts';
import type { Call } from '../backend.ts';
import { isPlain } from '../render.ts';
import type { CacheEntry } from '../storage/cache-entry.ts';
import type { CacheEvent } from '../storage/resource-cache.ts';
import type { ServedResource } from '../strategy.ts';
import { viewOf } from '../views.ts';

/** Turns what happens into the bytes of a watch. */
export interface FrameEncoder {
  event(event: CacheEvent): Uint8Array;
  entry(type: CacheEvent['type'], entry: CacheEntry): Uint8Array;
  bookmark(revision: number, initialEnd: boolean): Uint8Array;
  error(status: StatusObject): Uint8Array;
}

/** KEP-3157: marks the bookmark behind the initial events. */
const initialEndAnnotation = 'k8s.io/initial-events-end';

export async function frameEncoder(call: Call): Promise<FrameEncoder> {
  if (isPlain(call.accepted)) return jsonFrames(call);
  const { transformedFrames } = await import('./watch-frame-as.ts');
  return transformedFrames(call);
}

/** A frame is made once per event; every watcher of the plain form gets the same bytes. */
function jsonFrames(call: Call): FrameEncoder {
  const { resource } = call;
  const shared = !resource.conversion;
  const frame = (type: CacheEvent['type'], entry: CacheEntry) => plainFrame(type, viewOf(entry, resource).bytes);
  return {
    event(event) {
      if (!shared) return frame(event.type, event.entry);
      event.frame ??= plainFrame(event.type, event.entry.bytes);
      return event.frame;
    },
    entry: frame,
    bookmark: (revision, initialEnd) => line('BOOKMARK', bookmarkObject(resource, revision, initialEnd)),
    error: (status) => line('ERROR', status),
  };
}

/** An object that carries nothing but the revision that the watch has reached. */
export function bookmarkObject(resource: ServedResource, revision: number, initialEnd: boolean) {
  const annotations = initialEnd ? { annotations: { [initialEndAnnotation]: 'true' } } : {};
  return {
    kind: resource.info.kind,
    apiVersion: apiVersionOf(resource.info),
    metadata: { resourceVersion: String(revision), ...annotations },
  };
}

const heads = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const tail = Buffer.from('}\n');

function plainFrame(type: CacheEvent['type'], bytes: Buffer): Buffer {
  return Buffer.concat([heads[type], bytes, tail]);
}

function line(type: string, object: object): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}
