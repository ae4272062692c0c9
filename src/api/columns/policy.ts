import type { PodDisruptionBudget } from '../generated/policy-v1.ts';
import type { PriorityClass } from '../generated/scheduling-v1.ts';
import { age, ageOf, type ColumnsEntry, column, entry, integer, name } from './column.ts';

export const policyColumns: ColumnsEntry[] = [
  entry<PodDisruptionBudget>('policy/v1.PodDisruptionBudget', {
    definitions: [
      name,
      column('Min Available', 'Pods that must stay available.'),
      column('Max Unavailable', 'Pods that may be unavailable.'),
      integer('Allowed Disruptions', 'Pods that may be evicted now.'),
      age,
    ],
    cells: (object, now) => [
      object.metadata.name,
      `${object.spec?.minAvailable ?? 'N/A'}`,
      `${object.spec?.maxUnavailable ?? 'N/A'}`,
      object.status?.disruptionsAllowed ?? 0,
      ageOf(object, now),
    ],
  }),
  entry<PriorityClass>('scheduling/v1.PriorityClass', {
    definitions: [
      name,
      integer('Value', 'Priority of Pods of the class.'),
      column('Global-Default', 'Whether Pods without a class get this one.', { type: 'boolean' }),
      age,
      column('PreemptionPolicy', 'Whether Pods of the class may displace others.'),
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.value,
      object.globalDefault ?? false,
      ageOf(object, now),
      object.preemptionPolicy ?? '',
    ],
  }),
];
