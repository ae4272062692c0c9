import type { KubeObject } from '../object.ts';
import { admissionColumns } from './admission.ts';
import { type Columns, column, name } from './column.ts';
import { configurationColumns } from './configuration.ts';
import { discoveryColumns } from './discovery.ts';
import { eventColumns } from './event.ts';
import { flowControlColumns } from './flow-control.ts';
import { horizontalPodAutoscalerColumns } from './horizontal-pod-autoscaler.ts';
import { jobColumns } from './job.ts';
import { networkColumns } from './network.ts';
import { nodeColumns } from './node.ts';
import { podColumns } from './pod.ts';
import { policyColumns } from './policy.ts';
import { rbacColumns } from './rbac.ts';
import { serviceColumns } from './service.ts';
import { storageColumns } from './storage.ts';
import { systemColumns } from './system.ts';
import { workloadColumns } from './workload.ts';

export type { Columns } from './column.ts';

/**
 * The columns of a type of the facts table, such as 'core/v1.Pod' (kubernetes pkg/printers/internalversion/printers.go).
 * Kinds without columns of their own show name and creation time.
 */
export function columnsFor(type: string): Columns {
  return byType.get(type) ?? defaultColumns;
}

/** registry/rest NewDefaultTableConvertor: the time as it is, not as an age. */
export const defaultColumns: Columns = {
  definitions: [name, column('Created At', 'Time at which the object was created.', { type: 'date' })],
  cells: (object: KubeObject) => [object.metadata.name, object.metadata.creationTimestamp],
};

const byType = new Map<string, Columns>([
  ...podColumns,
  ...workloadColumns,
  ...jobColumns,
  ...serviceColumns,
  ...discoveryColumns,
  ...networkColumns,
  ...nodeColumns,
  ...eventColumns,
  ...configurationColumns,
  ...rbacColumns,
  ...storageColumns,
  ...policyColumns,
  ...horizontalPodAutoscalerColumns,
  ...admissionColumns,
  ...flowControlColumns,
  ...systemColumns,
]);
