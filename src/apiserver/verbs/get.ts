import { notFound } from '../../api/status-error.ts';
import { type Call, cacheOf } from '../backend.ts';
import { renderEntry } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import type { CacheEntry } from '../storage/cache-entry.ts';
import { storageKey } from '../storage/storage-key.ts';
import { waitForRevision } from './resource-version.ts';

/** GET of one object, from memory: it is always as fresh as the last acknowledged write. */
export async function get(call: Call): Promise<ApiResponse> {
  const revision = call.request.query.get('resourceVersion');
  if (revision && revision !== '0') await waitForRevision(call.backend, revision);
  return renderEntry(call, existing(call));
}

/** The current entry of the object that the request names, or 404. */
export function existing(call: Call): CacheEntry {
  const entry = cacheOf(call).get(keyOfCall(call));
  if (!entry) throw notFound(call.resource.info, call.request.info.name);
  return entry;
}

export function keyOfCall({ resource, request }: Call): string {
  return storageKey(resource.prefix, resource.info.namespaced ? request.info.namespace : '', request.info.name);
}
