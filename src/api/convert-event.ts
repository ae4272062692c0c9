import type { Event } from './generated/core-v1.ts';
import type { Event as NewEvent } from './generated/events-v1.ts';

/**
 * The API shows the same Events under v1 and events.k8s.io/v1, with other names for some fields
 * (pkg/apis/events/v1/conversion.go). They are kept as v1.
 */
export function eventToCore(event: NewEvent): Event {
  const core: Event = {
    kind: 'Event',
    apiVersion: 'v1',
    metadata: event.metadata,
    involvedObject: event.regarding ?? {},
    reason: event.reason,
    message: event.note,
    source: event.deprecatedSource ?? {},
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    count: event.deprecatedCount,
    type: event.type,
    eventTime: event.eventTime,
    series: event.series,
    action: event.action,
    related: event.related,
    reportingComponent: event.reportingController,
    reportingInstance: event.reportingInstance,
  };
  return withoutUndefined(core);
}

/** The same Event as events.k8s.io/v1 shows it. */
export function eventFromCore(event: Event): NewEvent {
  const shown: NewEvent = {
    kind: 'Event',
    apiVersion: 'events.k8s.io/v1',
    metadata: event.metadata,
    eventTime: event.eventTime,
    series: event.series,
    reportingController: event.reportingComponent,
    reportingInstance: event.reportingInstance,
    action: event.action,
    reason: event.reason,
    regarding: event.involvedObject,
    related: event.related,
    note: event.message,
    type: event.type,
    deprecatedSource: event.source ?? {},
    deprecatedFirstTimestamp: event.firstTimestamp,
    deprecatedLastTimestamp: event.lastTimestamp,
    deprecatedCount: event.count,
  } as NewEvent;
  return withoutUndefined(shown);
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
