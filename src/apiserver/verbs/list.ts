import type { ListMetadata } from '../../api/object.ts';
import { badRequest, expired, type StatusError } from '../../api/status-error.ts';
import { CompactedError, FutureRevisionError, prefixEnd } from '../../store/store.ts';
import { type Call, cacheOf } from '../backend.ts';
import { renderList } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { type Selection, selectionOf } from '../selection.ts';
import { type CacheEntry, entryOf } from '../storage/cache-entry.ts';
import { storageKey } from '../storage/storage-key.ts';
import { prepareViews, viewOf } from '../views.ts';
import { decodeContinue, encodeContinue, expiredContinue } from './continue-token.ts';
import { checkListOptions } from './list-options.ts';
import { parseRevision, tooLargeRevision, waitForRevision } from './resource-version.ts';

/**
 * GET of a collection. The newest state comes from memory. An older one, for a page that goes on where another ended or
 * an exact resourceVersion, does so too if nothing has changed since; else it is read from the store's history.
 */
export async function list(call: Call): Promise<ApiResponse> {
  const { query } = call.request;
  // A negative limit is none (apiserver pkg/storage/etcd3/store.go).
  const limit = Math.max(0, Number(query.get('limit') ?? 0) || 0);
  const token = query.get('continue');
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  checkListOptions(query);
  const page: Page = { limit, after: '', revision: undefined, selection: selectionOf(call.resource, query) };
  if (token) {
    if (version && version !== '0') throw badRequest('specifying resource version is not allowed when using continue');
    const { revision, start } = decodeContinue(token);
    page.after = start;
    if (revision > 0) page.revision = revision;
  } else if (version && version !== '0') {
    if (match === 'Exact' || (match === '' && limit > 0)) page.revision = parseRevision(version);
    else await waitForRevision(call.backend, version);
  }
  const found = isInMemory(call, page) ? await fromCache(call, page) : await fromStore(call, page);
  return renderList(call, found.entries, found.metadata);
}

/** What one answer is to contain. */
interface Page {
  /** 0: all. */
  limit: number;
  /** The part of the last key behind the prefix, after which this page begins. */
  after: string;
  /** Read from history, as of then. */
  revision: number | undefined;
  selection: Selection;
}

interface Found {
  entries: CacheEntry[];
  metadata: ListMetadata;
}

/** Objects of the request's namespace, or of all. */
export function listPrefix({ resource, request }: Call): string {
  const { namespace } = request.info;
  return resource.info.namespaced && namespace ? `${resource.prefix}${namespace}/` : resource.prefix;
}

/** Current objects that match, in order. */
export function selected(call: Call, selection: Selection): CacheEntry[] {
  const name = onlyName(call);
  if (name !== undefined) {
    const entry = cacheOf(call).get(name);
    return entry && (!selection || selection(viewOf(entry, call.resource))) ? [entry] : [];
  }
  const all = cacheOf(call).list(listPrefix(call));
  return selection ? all.filter((entry) => selection(viewOf(entry, call.resource))) : all;
}

/** The key, if the field selector names exactly one object: a look-up instead of a scan. */
function onlyName(call: Call): string | undefined {
  const { name, namespace } = call.request.info;
  if (!name || (call.resource.info.namespaced && !namespace)) return undefined;
  return storageKey(call.resource.prefix, call.resource.info.namespaced ? namespace : '', name);
}

/** What was compacted is refused even so: clients rely on being told. */
function isInMemory(call: Call, { revision }: Page): boolean {
  if (revision === undefined) return true;
  const { seen, compacted } = call.backend.cache;
  return revision >= cacheOf(call).changedAt && revision >= compacted && revision <= seen;
}

async function fromCache(call: Call, page: Page): Promise<Found> {
  const { backend, resource } = call;
  const cache = cacheOf(call);
  const prefix = listPrefix(call);
  const revision = page.revision ?? backend.cache.seen;
  const after = page.after ? prefix + page.after : undefined;
  if (resource.conversion) await prepareViews(cache.list(prefix), resource);
  if (!page.selection && page.limit > 0) {
    return cut(cache.list(prefix, after, page.limit), page, prefix, revision, cache.count(prefix, after));
  }
  const entries = after === undefined ? selected(call, page.selection) : select(call, cache.list(prefix, after), page);
  return cut(entries, page, prefix, revision, entries.length);
}

function select({ resource }: Call, entries: CacheEntry[], { selection }: Page): CacheEntry[] {
  return selection ? entries.filter((entry) => selection(viewOf(entry, resource))) : entries;
}

async function fromStore(call: Call, page: Page): Promise<Found> {
  const prefix = listPrefix(call);
  const start = page.after ? `${prefix}${page.after}\0` : prefix;
  const revision = page.revision!;
  // A selector must see them all: there is no telling how many match.
  const limit = page.limit > 0 && !page.selection ? { limit: page.limit } : {};
  const range = await call.backend.history
    .range(start, prefixEnd(prefix), { revision, ...limit })
    .catch((error) => Promise.reject(historyError(error, page)));
  const entries = range.items.map(({ key, value, modRevision }) => entryOf(key, value, modRevision));
  if (!page.selection) return cut(entries, page, prefix, revision, range.count);
  await prepareViews(entries, call.resource);
  const matching = select(call, entries, page);
  return cut(matching, page, prefix, revision, matching.length);
}

function cut(entries: CacheEntry[], page: Page, prefix: string, revision: number, total: number): Found {
  const metadata: ListMetadata = { resourceVersion: String(revision) };
  if (page.limit === 0 || total <= page.limit) return { entries, metadata };
  const kept = entries.slice(0, page.limit);
  metadata.continue = encodeContinue({ revision, start: kept.at(-1)!.key.slice(prefix.length) });
  // With a selector the rest is not counted (KEP-365).
  if (!page.selection) metadata.remainingItemCount = total - kept.length;
  return { entries: kept, metadata };
}

function historyError(error: unknown, page: Page): unknown {
  if (error instanceof CompactedError) {
    if (page.after) return expiredContinue(page.after);
    return compacted();
  }
  if (error instanceof FutureRevisionError) return tooLargeRevision(page.revision!, error.currentRevision);
  return error;
}

/** apiserver pkg/storage/etcd3/errors.go interpretListError. */
function compacted(): StatusError {
  return expired('The resourceVersion for the provided list is too old.');
}
