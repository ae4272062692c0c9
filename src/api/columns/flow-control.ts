import type { FlowSchema, PriorityLevelConfiguration } from '../generated/flowcontrol-v1.ts';
import { age, ageOf, type ColumnsEntry, column, entry, name } from './column.ts';

export const flowControlColumns: ColumnsEntry[] = [
  entry<FlowSchema>('flowcontrol/v1.FlowSchema', {
    definitions: [
      name,
      column('PriorityLevel', 'Priority level of requests that match.'),
      column('MatchingPrecedence', 'Schemas with lower numbers are asked first.'),
      column('DistinguisherMethod', 'How requests are told apart into flows.'),
      age,
      column('MissingPL', 'Whether the priority level does not exist.'),
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.priorityLevelConfiguration?.name,
      object.spec?.matchingPrecedence ?? 0,
      object.spec?.distinguisherMethod?.type ?? '<none>',
      ageOf(object, now),
      object.status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    ],
  }),
  entry<PriorityLevelConfiguration>('flowcontrol/v1.PriorityLevelConfiguration', {
    definitions: [
      name,
      column('Type', 'Whether requests are limited.'),
      column('NominalConcurrencyShares', 'Share of the requests served at once.'),
      column('Queues', 'Number of queues.'),
      column('HandSize', 'Queues that a flow may use.'),
      column('QueueLengthLimit', 'Requests that may wait in a queue.'),
      age,
    ],
    cells: (object, now) => {
      const { limited } = object.spec ?? {};
      const queuing = limited?.limitResponse?.queuing;
      return [
        object.metadata.name,
        object.spec?.type,
        limited ? (limited.nominalConcurrencyShares ?? 0) : '<none>',
        queuing ? (queuing.queues ?? 0) : '<none>',
        queuing ? (queuing.handSize ?? 0) : '<none>',
        queuing ? (queuing.queueLengthLimit ?? 0) : '<none>',
        ageOf(object, now),
      ];
    },
  }),
];
