import type { LiveObject } from '../../src/inspect/live-types.ts';
import { getJson } from '../api.ts';
import { ageOf } from '../model/describe.ts';
import { live } from '../state.ts';
import { t } from '../text/text.ts';
import { usePolled } from './polled.ts';

interface KubeEvent {
  metadata: { uid: string; creationTimestamp: string };
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  lastTimestamp?: string;
  eventTime?: string;
  source?: { component?: string };
  reportingComponent?: string;
}

const refreshMs = 3000;

/** What the cluster's parts have said about it, the newest first. */
export function Events({ object }: { object: LiveObject }) {
  const { value: events, problem } = usePolled(object.id, refreshMs, async (signal) => {
    const selector = encodeURIComponent(`involvedObject.uid=${object.kind === 'Node' ? object.name : object.id}`);
    const path = `/api/v1/namespaces/${object.namespace || 'default'}/events?fieldSelector=${selector}`;
    const { items } = await getJson<{ items: KubeEvent[] }>(path, signal);
    return items.sort((a, b) => timeOf(b) - timeOf(a));
  });
  if (problem.value) return <p class="notice bad">{problem.value}</p>;
  if (!events.value) return <p class="notice">{t('loading')}</p>;
  if (events.value.length === 0) return <p class="notice">{t('noEvents')}</p>;
  return (
    <ol class="events">
      {events.value.map((event) => (
        <li key={event.metadata.uid} class={event.type === 'Warning' ? 'bad' : ''}>
          <b>{event.reason}</b>
          <span class="note">
            {ageOf(live(), timeOf(event))}
            {event.count && event.count > 1 ? ` · ${event.count}×` : ''} ·{' '}
            {event.source?.component || event.reportingComponent}
          </span>
          <p>{event.message}</p>
        </li>
      ))}
    </ol>
  );
}

function timeOf({ lastTimestamp, eventTime, metadata }: KubeEvent): number {
  return Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp);
}
