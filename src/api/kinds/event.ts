import { eventToCore } from '../convert-event.ts';
import type { Event } from '../generated/core-v1.ts';
import type { Event as NewEvent } from '../generated/events-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { immutable, invalidEach, invalidValue, required, sameValue } from '../validation/field-error.ts';

/** pkg/apis/core/validation/events.go and pkg/registry/core/event. */
export const event: Kind<Event> = {
  type: 'core/v1.Event',
  validate: (event) => eventErrors(event, 'reportingComponent'),
  validateUpdate: (event) => eventErrors(event, 'reportingComponent'),
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || (reportingComponent ?? ''),
    type: ({ type }) => type ?? '',
  },
};

/** The same objects under events.k8s.io/v1, where the rules are strict. */
export const newEvent: Kind<NewEvent> = {
  type: 'events/v1.Event',
  validate(event) {
    const errors = eventErrors(eventToCore(event), 'reportingController');
    errors.push(...seriesErrors(event));
    if (!event.eventTime) errors.push(required('eventTime'));
    if (event.type !== 'Normal' && event.type !== 'Warning')
      errors.push(invalidValue('type', '', `has invalid value: ${event.type ?? ''}`));
    const unset = {
      firstTimestamp: event.deprecatedFirstTimestamp,
      lastTimestamp: event.deprecatedLastTimestamp,
      count: event.deprecatedCount,
      source: event.deprecatedSource?.component || event.deprecatedSource?.host,
    };
    for (const [field, value] of Object.entries(unset))
      if (value) errors.push(invalidValue(field, '', 'needs to be unset'));
    return errors;
  },
  validateUpdate(event, old) {
    const [now, before] = [eventToCore(event), eventToCore(old)];
    const errors = eventErrors(now, 'reportingController');
    if (!sameValue(event.series, old.series)) errors.push(...seriesErrors(event));
    for (const [name, field] of Object.entries(immutableFields))
      errors.push(...immutable(field, now[name as keyof Event], before[name as keyof Event]));
    return errors;
  },
  selectableFields: {
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    'regarding.kind': ({ regarding }) => regarding?.kind ?? '',
    'regarding.namespace': ({ regarding }) => regarding?.namespace ?? '',
    'regarding.name': ({ regarding }) => regarding?.name ?? '',
    'regarding.uid': ({ regarding }) => regarding?.uid ?? '',
    type: ({ type }) => type ?? '',
  },
};

/** What no update through events.k8s.io may change, and how errors call it (ValidateEventUpdate). */
const immutableFields: Partial<Record<keyof Event, string>> = {
  involvedObject: 'involvedObject',
  reason: 'reason',
  message: 'message',
  source: 'source',
  firstTimestamp: 'firstTimestamp',
  lastTimestamp: 'lastTimestamp',
  count: 'count',
  type: 'type',
  eventTime: 'eventTime',
  action: 'action',
  related: 'related',
  reportingComponent: 'reportingController',
  reportingInstance: 'reportingInstance',
};

/** legacyValidateEvent; `controller` is the name that the version has for the one who reports. */
function eventErrors(event: Event, controller: string): Cause[] {
  const { metadata, involvedObject = {} } = event;
  const namespace = metadata.namespace ?? '';
  const about = involvedObject.namespace ?? '';
  const errors: Cause[] = [];
  const mismatch = invalidValue('involvedObject.namespace', about, 'does not match event.namespace');
  if (!event.eventTime) {
    if (about === '' ? namespace !== '' && namespace !== 'default' : namespace !== about) errors.push(mismatch);
  } else {
    if (about === '' && namespace !== 'default' && namespace !== 'kube-system') errors.push(mismatch);
    errors.push(...newFieldErrors(event, controller));
  }
  return [...errors, ...invalidEach('namespace', namespace, dns1123Subdomain(namespace))];
}

function newFieldErrors(event: Event, field: string): Cause[] {
  const errors: Cause[] = [];
  const controller = event.reportingComponent ?? '';
  const text = (name: string, value: string | undefined, max: number, isRequired = true) => {
    if (!value && isRequired) errors.push(required(name));
    if ((value ?? '').length > max) errors.push(invalidValue(name, '', `can have at most ${max} characters`));
  };
  if (!controller) errors.push(required(field));
  errors.push(...invalidEach(field, controller, qualifiedName(controller)));
  text('reportingInstance', event.reportingInstance, 128);
  text('action', event.action, 128);
  text('reason', event.reason, 128);
  text('message', event.message, 1024, false);
  return errors;
}

function seriesErrors({ series }: NewEvent): Cause[] {
  if (!series) return [];
  const errors: Cause[] = [];
  if (series.count < 2) errors.push(invalidValue('series.count', '', 'should be at least 2'));
  if (!series.lastObservedTime) errors.push(required('series.lastObservedTime'));
  return errors;
}
