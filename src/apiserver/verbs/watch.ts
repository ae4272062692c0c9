import { badRequest, StatusError } from '../../api/status-error.ts';
import { type Backend, type Call, cacheOf } from '../backend.ts';
import { contentTypes } from '../http/media-type.ts';
import { PushStream } from '../http/push-stream.ts';
import { statusOf } from '../http/response.ts';
import type { ApiResponse } from '../request.ts';
import { type CacheEntry, deletedEntry } from '../storage/cache-entry.ts';
import type { CacheEvent, ResourceCache } from '../storage/resource-cache.ts';
import { prepareViews } from '../views.ts';
import { listPrefix, selected } from './list.ts';
import { checkWatchOptions } from './list-options.ts';
import { parseRevision } from './resource-version.ts';
import { joinChannel, type WatchChannel } from './watch-channel.ts';
import { frameOf, type WatchView, watchView } from './watch-view.ts';

/** A watch ends after 30 to 60 minutes (kube-apiserver --min-request-timeout), so that clients spread anew. */
const minTimeoutSeconds = 1800;
const bookmarkIntervalMs = 60_000;

/** GET with watch=true: changes as they happen, each as one JSON line (or one length-prefixed protobuf frame). */
export async function watch(call: Call): Promise<ApiResponse> {
  const { query } = call.request;
  const version = query.get('resourceVersion') ?? '';
  const initial = sendInitialEvents(query, version);
  const watcher = new Watcher(call, await watchView(call));
  try {
    if (call.resource.conversion) await prepareViews(cacheOf(call).list(listPrefix(call)), call.resource);
    watcher.start(call, version, initial);
  } catch (error) {
    // Once the request itself is right, failures are events (apiserver pkg/storage/cacher/cacher.go newErrWatcher).
    if (!(error instanceof StatusError)) {
      watcher.stream.cancel();
      throw error;
    }
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

/**
 * One watch: pushes what its client asked for, by itself or, once there is a connection to write to, with others like it.
 * There may be many that wait for years: they keep nothing of their requests.
 */
class Watcher {
  readonly stream = new PushStream(() => this.#close());
  readonly #backend: Backend;
  /** Once we are told together with others, it is theirs. */
  #view: WatchView;
  readonly #wantsBookmarks: boolean;
  readonly #timeoutMs: number;
  /** Events up to this revision are in the initial ones already. */
  #after = 0;
  /** Those who are told the same, from when on we are told together with them. */
  #channel: WatchChannel | undefined;
  /** The conversions before the next event, for resources that a webhook converts: events stay in order. */
  #converted: Promise<void> | undefined;
  // What ends with the watch.
  #unlisten: (() => void) | undefined;
  #cancelTimeout: (() => void) | undefined;
  #cancelBookmark: (() => void) | undefined;
  #forgetRequest: (() => void) | undefined;
  readonly #stop = () => this.#end();

  constructor({ backend, request }: Call, view: WatchView) {
    this.#backend = backend;
    this.#view = view;
    this.#wantsBookmarks = request.query.get('allowWatchBookmarks') === 'true';
    this.#timeoutMs = timeoutMs(request.query);
  }

  start(call: Call, version: string, sendInitialEvents: boolean | undefined): void {
    this.#follow(call);
    const current = this.#backend.cache.seen;
    const fromNow = version === '' || version === '0';
    if (sendInitialEvents === true || (fromNow && sendInitialEvents === undefined)) {
      const { selection, encode } = this.#view;
      for (const entry of selected(call, selection)) this.stream.begin(encode.entry('ADDED', entry));
      this.#after = current;
      if (sendInitialEvents) this.#bookmark(true);
    } else if (fromNow) {
      this.#after = current;
    } else {
      this.#after = parseWatchRevision(version);
      for (const event of this.#cache.eventsAfter(this.#after)) this.#deliver(event);
    }
  }

  /** Before anything is pushed, which may be the end of it. */
  #follow({ request }: Call): void {
    this.#unlisten = this.#cache.listen((event) => this.#deliver(event));
    this.stream.onAttach = () => this.#join();
    for (const end of this.#ends) end?.addEventListener('abort', this.#stop, { once: true });
    this.#cancelTimeout = this.#backend.clock.after(this.#timeoutMs, () => this.#finish());
    if (this.#wantsBookmarks) this.#scheduleBookmark();
    // Last, as it may be over already.
    this.#forgetRequest = request.cancellation.onAbort(() => this.stream.cancel());
  }

  fail(error: unknown): void {
    this.stream.push(this.#view.encode.error(statusOf(error)));
    this.stream.end();
  }

  get #cache(): ResourceCache {
    return cacheOf({ backend: this.#backend, resource: this.#view.resource });
  }

  /** What ends all watches, and those of this resource. */
  get #ends(): (AbortSignal | undefined)[] {
    return [this.#backend.shutdown, this.#view.resource.ended];
  }

  #join(): void {
    // Others are told of every event, and at once.
    if (this.#after > this.#backend.cache.seen || this.#view.resource.conversion?.convertAll) return;
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#channel = joinChannel(this.#view, this.#cache, this.#backend.clock, this.stream);
    this.#view = this.#channel.view;
  }

  #deliver(event: CacheEvent): void {
    const { resource, prefix } = this.#view;
    if (event.revision <= this.#after) return;
    if (!resource.conversion?.convertAll) {
      this.#show(event);
      return;
    }
    if (!event.entry.key.startsWith(prefix)) return;
    const entries = event.previous ? [event.entry, event.previous] : [event.entry];
    if (event.previous) entries.push(deletedEntry(event.previous, event.revision));
    this.#converted = (this.#converted ?? Promise.resolve())
      .then(() => prepareViews(entries, resource))
      .then(
        () => this.#show(event, entries[2]),
        (error: unknown) => this.fail(error),
      );
  }

  #show(event: CacheEvent, left?: CacheEntry): void {
    const frame = frameOf(this.#view, event, left);
    if (frame) this.stream.push(frame);
  }

  #bookmark(initialEnd = false): void {
    const frame = this.#view.encode.bookmark(Math.max(this.#backend.cache.seen, this.#after), initialEnd);
    this.#channel?.catchUp(this.stream);
    this.stream.push(frame);
  }

  #scheduleBookmark(): void {
    this.#cancelBookmark = this.#backend.clock.after(bookmarkIntervalMs, () => {
      this.#bookmark();
      this.#scheduleBookmark();
    });
  }

  #finish(): void {
    if (this.#wantsBookmarks) this.#bookmark();
    this.#end();
  }

  #end(): void {
    this.#channel?.catchUp(this.stream);
    this.stream.end();
  }

  #close(): void {
    this.#unlisten?.();
    this.#channel?.leave(this.stream);
    this.#cancelTimeout?.();
    this.#cancelBookmark?.();
    this.#forgetRequest?.();
    for (const end of this.#ends) end?.removeEventListener('abort', this.#stop);
  }
}

/** In whole seconds: timers of one length share a list. */
function timeoutMs(query: URLSearchParams): number {
  const asked = Number(query.get('timeoutSeconds') ?? 0);
  return 1000 * (asked > 0 ? asked : Math.round(minTimeoutSeconds * (1 + Math.random())));
}

function parseWatchRevision(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw badRequest(`invalid resource version "${text}"`);
}
