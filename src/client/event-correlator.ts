import type { Event } from '../api/generated/core-v1.ts';

/** An event as it happened, before anything is known about earlier ones. */
export type NewEvent = Pick<Event, 'involvedObject' | 'reason' | 'message' | 'type'>;

/** What to write: a new Event, or one more occurrence of one that was written before. */
export interface Correlated {
  /** Under which `written` reports the name of the created Event. */
  key: string;
  message: string;
  count: number;
  firstTimestampMs: number;
  /** Name of the Event to patch; undefined: create one. */
  name: string | undefined;
}

/** Defaults of client-go tools/record/events_cache.go. */
const maxEntries = 4096;
const spamBurst = 25;
const spamRefillMs = 300_000;
const maxSimilar = 10;
const similarIntervalMs = 600_000;

/**
 * Decides what becomes of an event (client-go tools/record EventCorrelator): repeats of the same one are counted,
 * events that differ by message only are combined from the tenth on, and one that talks too much is cut off.
 */
export class EventCorrelator {
  /** Tokens left per object, refilled with time. */
  readonly #tokens = new Recent<{ left: number; atMs: number }>();
  /** The different messages of one reason lately, at most maxSimilar. */
  readonly #similar = new Recent<{ messages: Set<string>; lastMs: number }>();
  /** What was written per event, and how often it happened. */
  readonly #seen = new Recent<{ count: number; firstMs: number; name: string | undefined }>();

  /** Undefined: drop it. */
  correlate(event: NewEvent, nowMs: number): Correlated | undefined {
    const { involvedObject: about, type, reason, message = '' } = event;
    const object = [about.kind, about.namespace, about.name, about.uid, about.apiVersion].join('\n');
    const group = [object, type, reason].join('\n');
    const combined = this.#isOneOfMany(group, message, nowMs);
    const key = combined ? group : [group, about.fieldPath, message].join('\n');
    const seen = this.#seen.get(key);
    const entry = seen ? { ...seen, count: seen.count + 1 } : { count: 1, firstMs: nowMs, name: undefined };
    this.#seen.set(key, entry);
    if (!this.#takeToken(object, nowMs)) return undefined;
    return {
      key,
      message: combined ? `(combined from similar events): ${message}` : message,
      count: entry.count,
      firstTimestampMs: entry.firstMs,
      name: entry.name,
    };
  }

  /** The event of this key was created under `name`: later ones patch it. */
  written(key: string, name: string): void {
    const entry = this.#seen.get(key);
    if (entry) entry.name = name;
  }

  #isOneOfMany(group: string, message: string, nowMs: number): boolean {
    const known = this.#similar.get(group);
    const fresh = known && nowMs - known.lastMs <= similarIntervalMs;
    const messages = fresh ? known.messages : new Set<string>();
    messages.add(message);
    this.#similar.set(group, { messages, lastMs: nowMs });
    if (messages.size < maxSimilar) return false;
    messages.delete(messages.values().next().value!);
    return true;
  }

  #takeToken(object: string, nowMs: number): boolean {
    const bucket = this.#tokens.get(object) ?? { left: spamBurst, atMs: nowMs };
    const left = Math.min(spamBurst, bucket.left + (nowMs - bucket.atMs) / spamRefillMs);
    const allowed = left >= 1;
    this.#tokens.set(object, { left: allowed ? left - 1 : left, atMs: nowMs });
    return allowed;
  }
}

/** The most recently set entries, at most maxEntries. */
class Recent<V> {
  /** In the order of the last set. */
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > maxEntries) this.#entries.delete(this.#entries.keys().next().value!);
  }
}
