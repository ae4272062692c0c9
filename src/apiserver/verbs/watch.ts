import { badRequest, StatusError } from '../../api/status-error.ts';
import { type Call, cacheOf } from '../backend.ts';
import { contentTypes } from '../http/media-type.ts';
import { PushStream } from '../http/push-stream.ts';
import { statusOf } from '../http/response.ts';
import type { ApiResponse } from '../request.ts';
import { type CacheEntry, deletedEntry } from '../storage/cache-entry.ts';
import type { CacheEvent } from '../storage/resource-cache.ts';
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

/** One watch: pushes what its client asked for, by itself or, once there is a connection to write to, with others like it. */
class Watcher {
  readonly stream: PushStream;
  readonly #call: Call;
  readonly #view: WatchView;
  readonly #wantsBookmarks: boolean;
  /** Undone when the watch ends: the listener and the timers. */
  readonly #undo: (() => void)[] = [];
  /** Events up to this revision are in the initial ones already. */
  #after = 0;
  /** Those who are told the same, from when on we are told together with them. */
  #channel: WatchChannel | undefined;
  /** The conversions before the next event, for resources that a webhook converts: events stay in order. */
  #converted: Promise<void> = Promise.resolve();

  constructor(call: Call, view: WatchView) {
    this.#call = call;
    this.#view = view;
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
      for (const entry of selected(this.#call, this.#view.selection))
        this.stream.push(this.#view.encode.entry('ADDED', entry));
      this.#after = current;
      if (sendInitialEvents) this.#bookmark(true);
    } else if (fromNow) {
      this.#after = current;
    } else {
      this.#after = parseWatchRevision(version);
      for (const event of resource.eventsAfter(this.#after)) this.#deliver(event);
    }
    this.#listen();
    const { signal } = this.#call.request.cancellation;
    signal.addEventListener('abort', () => this.stream.cancel(), { once: true });
    const stop = () => this.#end();
    for (const end of [this.#call.backend.shutdown, this.#call.resource.ended]) {
      end?.addEventListener('abort', stop, { once: true });
      this.#undo.push(() => end?.removeEventListener('abort', stop));
    }
    this.#undo.push(clock.after(this.#timeoutMs(), () => this.#finish()));
    if (this.#wantsBookmarks) this.#scheduleBookmark();
  }

  fail(error: unknown): void {
    this.stream.push(this.#view.encode.error(statusOf(error)));
    this.stream.end();
  }

  #listen(): void {
    const cache = cacheOf(this.#call);
    const unlisten = cache.listen((event) => this.#deliver(event));
    this.#undo.push(unlisten);
    this.stream.onAttach = () => {
      // Others are told of every event, and at once.
      if (this.#after > this.#call.backend.cache.seen || this.#view.resource.conversion?.convertAll) return;
      unlisten();
      const channel = joinChannel(this.#view, cache, this.#call.backend.clock, this.stream);
      this.#channel = channel;
      this.#undo.push(() => channel.leave(this.stream));
    };
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
    this.#converted = this.#converted
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
    const frame = this.#view.encode.bookmark(Math.max(this.#call.backend.cache.seen, this.#after), initialEnd);
    this.#channel?.catchUp(this.stream);
    this.stream.push(frame);
  }

  #end(): void {
    this.#channel?.catchUp(this.stream);
    this.stream.end();
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
    this.#end();
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
