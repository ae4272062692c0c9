import { humanAge } from '../duration.ts';
import type { Event as CoreEvent } from '../generated/core-v1.ts';
import type { Event } from '../generated/events-v1.ts';
import { type Columns, type ColumnsEntry, column, entry, wide } from './column.ts';

const definitions: Columns['definitions'] = [
  column('Last Seen', 'Time since the event happened last.'),
  column('Type', 'Normal or Warning.'),
  column('Reason', 'Short reason, for programs.'),
  column('Object', 'Object that the event is about.'),
  wide('Subobject', 'Part of the object that the event is about.'),
  wide('Source', 'Component that reported the event.'),
  column('Message', 'What happened, for people.'),
  wide('First Seen', 'Time since the event happened first.'),
  wide('Count', 'How often the event happened.'),
  wide('Name', 'Name of the Event object.', { format: 'name' }),
];

export const eventColumns: ColumnsEntry[] = [
  entry<CoreEvent>('core/v1.Event', { definitions, cells: (event, now) => eventCells(event, now) }),
  entry<Event>('events/v1.Event', { definitions, cells: (event, now) => eventCells(asCore(event), now) }),
];

/** The two APIs store the same object under different names (pkg/apis/events/v1/conversion.go). */
function asCore(event: Event): CoreEvent {
  return {
    ...event,
    involvedObject: event.regarding ?? {},
    message: event.note,
    source: event.deprecatedSource,
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    count: event.deprecatedCount,
    reportingComponent: event.reportingController,
  } as CoreEvent;
}

function eventCells(event: CoreEvent, now: number): unknown[] {
  const first = humanAge(event.firstTimestamp || event.eventTime, now);
  const { series } = event;
  const last = series
    ? humanAge(series.lastObservedTime, now)
    : event.lastTimestamp
      ? humanAge(event.lastTimestamp, now)
      : first;
  const target = event.involvedObject ?? {};
  const kind = (target.kind ?? '').toLowerCase();
  return [
    last,
    event.type ?? '',
    event.reason ?? '',
    target.name ? `${kind}/${target.name}` : kind,
    target.fieldPath ?? '',
    source(event),
    (event.message ?? '').trim(),
    first,
    // A series does not count the event that it began with.
    series ? (series.count ?? 0) + 1 : event.count || 1,
    event.metadata.name,
  ];
}

function source(event: CoreEvent): string {
  const component = event.source?.component || event.reportingComponent || '';
  const instance = event.source?.host || event.reportingInstance || '';
  return instance ? `${component}, ${instance}` : component;
}
