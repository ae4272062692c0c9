import type { Event } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import { events } from '../api/resource.ts';
import { hasReason, StatusError } from '../api/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from './client.ts';
import { type Correlated, EventCorrelator, type NewEvent } from './event-correlator.ts';
import type { EventRecorder } from './event-recorder.ts';

export interface RecorderOptions {
  /** source.component, such as 'kubelet'. */
  component: string;
  /** source.host: the node, for what runs on one. */
  host?: string;
  log: Logger;
  clock: Clock;
}

/** As client-go's broadcaster: what does not fit is dropped, the caller never waits. */
const maxQueued = 1000;
const maxTries = 12;
const retryMs = 1000;
/** Events wait until none has come for this long, as they tell of work that is to be done first … */
const quietMs = 100;
/** … but no longer than this. */
const longestDelayMs = 5000;
/** More than this many are written at once, before events are dropped. */
const maxWaiting = maxQueued / 2;

/** Writes Events one after the other, in the background. */
export function createEventRecorder(client: Client, options: RecorderOptions): EventRecorder {
  const { log, clock } = options;
  const correlator = new EventCorrelator();
  const queue: { event: NewEvent; atMs: number; queuedMs: number }[] = [];
  let busy = false;
  let newestMs = 0;

  const untilQuiet = async (queuedMs: number) => {
    while (queue.length < maxWaiting) {
      const now = clock.steady();
      const dueMs = Math.min(newestMs + quietMs, queuedMs + longestDelayMs);
      if (now >= dueMs) return;
      await new Promise<void>((resolve) => void clock.after(dueMs - now, resolve));
    }
  };

  const drain = async () => {
    busy = true;
    for (let next = queue.shift(); next; next = queue.shift()) {
      await untilQuiet(next.queuedMs);
      const correlated = correlator.correlate(next.event, next.atMs);
      if (!correlated) continue;
      const name = await write(client, options, next.event, correlated, next.atMs);
      if (name) correlator.written(correlated.key, name);
    }
    busy = false;
  };

  return {
    event(about, type, reason, message, { fieldPath } = {}) {
      if (queue.length >= maxQueued) {
        log.debug('event dropped, too many wait', { reason, about: about.metadata.name });
        return;
      }
      newestMs = clock.steady();
      const noted = { involvedObject: referenceTo(about, fieldPath), type, reason, message };
      queue.push({ event: noted, atMs: clock.now(), queuedMs: newestMs });
      if (!busy) void drain();
    },
  };
}

function referenceTo(about: KubeObject, fieldPath: string | undefined): Event['involvedObject'] {
  const { name, namespace, uid, resourceVersion } = about.metadata;
  return { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid, resourceVersion, fieldPath };
}

/** Creates or patches the Event and returns the name it has now; undefined: given up. */
async function write(
  client: Client,
  options: RecorderOptions,
  event: NewEvent,
  correlated: Correlated,
  atMs: number,
): Promise<string | undefined> {
  // Events about cluster-scoped objects live in namespace default.
  const namespace = event.involvedObject.namespace || 'default';
  const lastTimestamp = timestamp(atMs);
  let { name } = correlated;
  for (let attempt = 0; attempt < maxTries; attempt++) {
    try {
      if (name) {
        const body = { count: correlated.count, lastTimestamp, message: correlated.message };
        await client.patch(events, name, namespace, { type: 'strategic', body });
        return name;
      }
      const draft = toEvent(options, event, correlated, namespace, lastTimestamp);
      await client.create(events, draft);
      return draft.metadata.name;
    } catch (error) {
      // It has expired meanwhile: write it anew.
      if (name && hasReason(error, 'NotFound')) {
        name = undefined;
        continue;
      }
      // The server has spoken (its namespace is terminating, say): trying again changes nothing.
      if (error instanceof StatusError && error.code < 500 && error.code !== 429) {
        options.log.debug('event refused', { reason: event.reason, about: event.involvedObject.name, error });
        return undefined;
      }
      await new Promise<void>((resolve) => void options.clock.after(retryMs, resolve));
    }
  }
  options.log.warn('event given up', { reason: event.reason, about: event.involvedObject.name });
  return undefined;
}

function toEvent(
  { component, host }: RecorderOptions,
  event: NewEvent,
  correlated: Correlated,
  namespace: string,
  lastTimestamp: string,
) {
  return {
    metadata: { name: eventName(event.involvedObject.name ?? ''), namespace },
    involvedObject: { ...event.involvedObject, namespace: event.involvedObject.namespace },
    reason: event.reason,
    message: correlated.message,
    source: { component, host },
    firstTimestamp: timestamp(correlated.firstTimestampMs),
    lastTimestamp,
    count: correlated.count,
    type: event.type,
    reportingComponent: component,
    reportingInstance: host ?? '',
  };
}

/** Nanoseconds since the epoch, as client-go names events; the clock's own digits are fewer, so it never goes back. */
let lastNanoseconds = 0n;

function eventName(about: string): string {
  const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
  lastNanoseconds = now > lastNanoseconds ? now : lastNanoseconds + 1n;
  return `${about}.${lastNanoseconds.toString(16)}`;
}

/** metav1.Time has whole seconds. */
const timestamp = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
