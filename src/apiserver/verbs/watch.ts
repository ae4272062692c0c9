import { badRequest, StatusError } from '../../api/status-error.ts';
import { type Call, cacheOf } from '../backend.ts';
import { contentTypes } from '../http/media-type.ts';
import { PushStream } from '../http/push-stream.ts';
import { statusOf } from '../http/response.ts';
import type { ApiResponse } from '../request.ts';
import { type Selection, selectionOf } from '../selection.ts';
import { type CacheEntry, deletedEntry } from '../storage/cache-entry.ts';
import type { CacheEvent } from '../storage/resource-cache.ts';
import { prepareViews, viewOf } from '../views.ts';
import { listPrefix, selected } from './list.ts';
import { checkWatchOptions } from './list-options.ts';
import { parseRevision } from './resource-version.ts';
import { type FrameEncoder, frameEncoder } from './watch-frame.ts';

/** A watch ends after 30 to 60 minutes (kube-apiserver --min-request-timeout), so that clients spread anew. */
const minTimeoutSeconds = 1800;
const bookmarkIntervalMs = 60_000;

/** GET with watch=true: changes as they happen, each as one JSON line (or one length-prefixed protobuf frame). */
export async function watch(call: Call): Promise<ApiResponse> {
  const { query } = call.request;
  const version = query.get('resourceVersion') ?? '';
  const initial = sendInitialEvents(query, version);
  const watcher = new Watcher(call, selectionOf(call.resource, query), await frameEncoder(call));
  try {
    if (call.resource.conversion) await prepareViews(cacheOf(call).list(listPrefix(call)), call.resource);
    watcher.start(version, initial);
  } catch (error) {
    // Once the request itself is right, failures are events (apiserver pkg/storage/cacher/cacher.go newErrWatcher).
    if (!(error instanceof StatusError)) throw error;
    watcher.fail(error);
  }
  const type = contentTypes[call.accepted.format];
  const headers = { 'content-type': call.accepted.format === 'json' ? type : `${type};stream=watch` };
  return { status: 200, headers, body: watcher.stream };
}

/** KEP-3157: whether the watch begins with all current objects and a bookmark behind them. */
function sendInitialEvents(query: URLSearchParams, version: string): boolean | undefined {
  checkWatchOptions(query);
  const text = query.get('sendInitialEvents');
  if (text === null) return undefined;
  if (version) parseRevision(version);
  return text === 'true';
}

/** One watch: listens to a resource's cache and pushes what its client asked for. */
class Watcher {
  readonly stream: PushStream;
  readonly #call: Call;
  readonly #selection: Selection;
  readonly #encode: FrameEncoder;
  readonly #prefix: string;
  readonly #wantsBookmarks: boolean;
  /** Undone when the watch ends: the listener and the timers. */
  readonly #undo: (() => void)[] = [];
  /** Events up to this revision are in the initial ones already. */
  #after = 0;
  /** The conversions before the next event, for resources that a webhook converts: events stay in order. */
  #converted: Promise<void> = Promise.resolve();

  constructor(call: Call, selection: Selection, encode: FrameEncoder) {
    this.#call = call;
    this.#selection = selection;
    this.#encode = encode;
    this.#prefix = listPrefix(call);
    this.#wantsBookmarks = call.request.query.get('allowWatchBookmarks') === 'true';
    this.stream = new PushStream(() => {
      for (const undo of this.#undo) undo();
    });
  }

  start(version: string, sendInitialEvents: boolean | undefined): void {
    const { cache, clock } = this.#call.backend;
    const resource = cacheOf(this.#call);
    const current = cache.seen;
    const fromNow = version === '' || version === '0';
    if (sendInitialEvents === true || (fromNow && sendInitialEvents === undefined)) {
      for (const entry of selected(this.#call, this.#selection)) this.#send('ADDED', entry);
      this.#after = current;
      if (sendInitialEvents) this.#bookmark(true);
    } else if (fromNow) {
      this.#after = current;
    } else {
      this.#after = parseWatchRevision(version);
      for (const event of resource.eventsAfter(this.#after)) this.#deliver(event);
    }
    this.#undo.push(resource.listen((event) => this.#deliver(event)));
    const { signal } = this.#call.request;
    signal.addEventListener('abort', () => this.stream.cancel(), { once: true });
    const stop = () => this.stream.end();
    for (const end of [this.#call.backend.shutdown, this.#call.resource.ended]) {
      end?.addEventListener('abort', stop, { once: true });
      this.#undo.push(() => end?.removeEventListener('abort', stop));
    }
    this.#undo.push(clock.after(this.#timeoutMs(), () => this.#finish()));
    if (this.#wantsBookmarks) this.#scheduleBookmark();
  }

  fail(error: unknown): void {
    this.stream.push(this.#encode.error(statusOf(error)));
    this.stream.end();
  }

  #deliver(event: CacheEvent): void {
    if (event.revision <= this.#after || !event.entry.key.startsWith(this.#prefix)) return;
    const { resource } = this.#call;
    if (!resource.conversion?.convertAll) {
      this.#show(event);
      return;
    }
    const entries = event.previous ? [event.entry, event.previous] : [event.entry];
    if (event.previous) entries.push(deletedEntry(event.previous, event.revision));
    this.#converted = this.#converted
      .then(() => prepareViews(entries, resource))
      .then(
        () => this.#show(event, entries[2]),
        (error: unknown) => this.fail(error),
      );
  }

  /** `left`: the last state of an object that leaves the selection, if it had to be converted. */
  #show(event: CacheEvent, left?: CacheEntry): void {
    if (!this.#selection) {
      this.stream.push(this.#encode.event(event));
      return;
    }
    const { resource } = this.#call;
    const matched = event.previous !== undefined && this.#selection(viewOf(event.previous, resource));
    const matches = event.type !== 'DELETED' && this.#selection(viewOf(event.entry, resource));
    if (matches && matched === (event.type === 'MODIFIED')) this.stream.push(this.#encode.event(event));
    else if (matches) this.#send('ADDED', event.entry);
    else if (matched && event.type === 'DELETED') this.stream.push(this.#encode.event(event));
    // The object left the selection: its last selected state, at this revision.
    else if (matched) this.#send('DELETED', left ?? deletedEntry(event.previous!, event.revision));
  }

  #send(type: 'ADDED' | 'DELETED', entry: CacheEntry): void {
    this.stream.push(this.#encode.entry(type, entry));
  }

  #bookmark(initialEnd = false): void {
    this.stream.push(this.#encode.bookmark(Math.max(this.#call.backend.cache.seen, this.#after), initialEnd));
  }

  #scheduleBookmark(): void {
    let cancel = () => {};
    const tick = () => {
      this.#bookmark();
      cancel = this.#call.backend.clock.after(bookmarkIntervalMs, tick);
    };
    cancel = this.#call.backend.clock.after(bookmarkIntervalMs, tick);
    this.#undo.push(() => cancel());
  }

  #finish(): void {
    if (this.#wantsBookmarks) this.#bookmark();
    this.stream.end();
  }

  #timeoutMs(): number {
    const asked = Number(this.#call.request.query.get('timeoutSeconds') ?? 0);
    return 1000 * (asked > 0 ? asked : minTimeoutSeconds * (1 + Math.random()));
  }
}

function parseWatchRevision(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw badRequest(`invalid resource version "${text}"`);
}
