import { hasReason } from '../../api/status-error.ts';
import { type Call, cacheOf } from '../backend.ts';
import { renderList } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { selectionOf } from '../selection.ts';
import type { CacheEntry } from '../storage/cache-entry.ts';
import { prepareViews } from '../views.ts';
import { deleteObject } from './delete.ts';
import { readDeleteOptions } from './delete-options.ts';
import { listPrefix, selected } from './list.ts';
import { checkListOptions } from './list-options.ts';

/** So many objects are deleted at once. */
const workers = 16;

/** DELETE of a collection: of what the selectors match. Answers with the objects, as they were. */
export async function deleteCollection(call: Call): Promise<ApiResponse> {
  checkListOptions(call.request.query);
  const options = await readDeleteOptions(call);
  if (call.resource.conversion) await prepareViews(cacheOf(call).list(listPrefix(call)), call.resource);
  const entries = selected(call, selectionOf(call.resource, call.request.query));
  // One iterator for all workers: each takes the next.
  const remaining = entries.values();
  const work = async () => {
    for (const entry of remaining) await deleteOne(call, entry, options);
  };
  await Promise.all(Array.from({ length: workers }, work));
  return renderList(call, entries, { resourceVersion: String(call.backend.cache.seen) });
}

async function deleteOne(call: Call, entry: CacheEntry, options: object): Promise<void> {
  const { name, namespace = '' } = entry.object.metadata;
  const info = { ...call.request.info, name, namespace };
  try {
    await deleteObject({ ...call, request: { ...call.request, info } }, { ...options });
  } catch (error) {
    // Somebody else was faster.
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
