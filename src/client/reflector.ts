import { type KubeObject, keyOf } from '../api/object.ts';
import type { Resource } from '../api/resource.ts';
import { StatusError } from '../api/status-error.ts';
import { Backoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from './client.ts';
import type { InformerHandler } from './informer.ts';
import type { ObjectCache } from './object-cache.ts';
import { listAll } from './rest.ts';

export interface ReflectorOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  selection: { namespace?: string; fieldSelector?: string; labelSelector?: string };
  cache: ObjectCache<T>;
  /** Told every difference, after the cache has it. */
  handler: Required<InformerHandler<T>>;
  /** Called after each complete list. */
  onSynced(): void;
  log: Logger;
  clock: Clock;
}

/** So many objects are asked for at a time: a list of all would be in memory as text, too (client-go tools/pager). */
const pageSize = 500;

/** A watch that ends sooner, without any event, counts as a failure: else two of them would spin. */
const shortestWatchMs = 1000;

/**
 * Keeps a cache equal to the server's objects until `signal` aborts: one list, then watches from its revision on, each
 * resumed where the last one ended; a new list only when that revision is gone (client-go tools/cache/reflector.go).
 */
export async function reflect<T extends KubeObject>(options: ReflectorOptions<T>, signal: AbortSignal): Promise<void> {
  const { log, clock, resource } = options;
  const backoff = new Backoff(clock, { initialMs: 50, maxMs: 10_000 });
  const state: Progress = { resourceVersion: undefined, listFrom: '0', reported: '' };
  while (!signal.aborted) {
    const started = clock.steady();
    try {
      if (state.resourceVersion === undefined) await list(options, state);
      const events = await follow(options, state, signal);
      if (events > 0 || clock.steady() - started >= shortestWatchMs) {
        backoff.reset('');
        continue;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isExpired(error)) {
        // Only the newest state helps now: what a cache answers may be as old as what has just been refused.
        state.resourceVersion = undefined;
        state.listFrom = '';
        log.debug('watch expired, listing again', { resource: resource.resource });
        continue;
      }
      report(log, state, resource.resource, error);
    }
    const delayMs = backoff.next('');
    await pause(clock, delayMs * (0.5 + Math.random()), signal);
  }
}

/** Where a reflector is: changed by list and follow only. */
interface Progress {
  /** The newest revision that the cache has seen; undefined: list first. */
  resourceVersion: string | undefined;
  /** resourceVersion of the next list: '0' may come from the server's cache, '' is the newest. */
  listFrom: string;
  /** The last failure that was logged, so that a server that is down is logged once. */
  reported: string;
}

async function list<T extends KubeObject>(options: ReflectorOptions<T>, state: Progress): Promise<void> {
  const { client, resource, selection, cache, handler } = options;
  const query = { ...selection, resourceVersion: state.listFrom, limit: pageSize, shared: true };
  const answer = await listAll(client, resource, query);
  for (const item of answer.items) dropManagedFields(item);
  cache.replace(answer.items, handler);
  state.resourceVersion = answer.metadata.resourceVersion ?? '';
  state.listFrom = '0';
  state.reported = '';
  options.onSynced();
}

/** Applies the events of one watch; returns how many there were. */
async function follow<T extends KubeObject>(
  options: ReflectorOptions<T>,
  state: Progress,
  signal: AbortSignal,
): Promise<number> {
  const { client, resource, selection, cache, handler } = options;
  const watch = client.watch(resource, {
    ...selection,
    shared: true,
    resourceVersion: state.resourceVersion,
    allowWatchBookmarks: true,
    // Spread over time, so that all watches do not come back at once.
    timeoutSeconds: Math.floor(300 * (1 + Math.random())),
    signal,
  });
  let events = 0;
  for await (const event of watch) {
    if (signal.aborted) break;
    events++;
    if (event.type === 'ERROR') throw new Error('watch failed', { cause: event.object });
    const { object } = event;
    state.resourceVersion = object.metadata.resourceVersion;
    state.reported = '';
    if (event.type === 'BOOKMARK') continue;
    dropManagedFields(object);
    const key = keyOf(object);
    if (event.type === 'DELETED') {
      if (cache.delete(key)) handler.deleted(object);
      continue;
    }
    const previous = cache.set(key, object);
    if (previous) handler.updated(object, previous);
    else handler.added(object);
  }
  return events;
}

/**
 * Half of an object's size, and nobody who reads a cache wants them. A later update without them keeps those that the
 * server has (apimachinery pkg/util/managedfields, Update).
 */
function dropManagedFields(object: KubeObject): void {
  if (object.metadata.managedFields) object.metadata.managedFields = undefined;
}

const isExpired = (error: unknown) =>
  error instanceof StatusError && (error.code === 410 || error.reason === 'Expired' || error.reason === 'Gone');

function report(log: Logger, state: Progress, resource: string, error: unknown): void {
  const text = String(error);
  if (text === state.reported) return;
  state.reported = text;
  log.warn('list and watch failed, trying again', { resource, error });
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal.addEventListener('abort', finish);
  });
}
