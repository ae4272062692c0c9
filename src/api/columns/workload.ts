import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../generated/apps-v1.ts';
import type { Scale } from '../generated/autoscaling-v1.ts';
import type { ReplicationController } from '../generated/core-v1.ts';
import { controllerOf, type KubeObject } from '../object.ts';
import { formatSelector } from '../selectors.ts';
import {
  age,
  ageOf,
  type ColumnsEntry,
  column,
  containerCells,
  containerColumns,
  entry,
  formatLabels,
  integer,
  name,
  wide,
} from './column.ts';

const selector = wide('Selector', 'Labels of the Pods that belong to the object.');
const ready = column('Ready', 'Pods that are ready, of those wanted.');

const replicaColumns = [
  name,
  integer('Desired', 'Pods that are wanted.'),
  integer('Current', 'Pods that there are.'),
  integer('Ready', 'Pods that are ready.'),
  age,
  ...containerColumns,
  selector,
];

export const workloadColumns: ColumnsEntry[] = [
  entry<Deployment>('apps/v1.Deployment', {
    definitions: [
      name,
      ready,
      column('Up-to-date', 'Pods of the current template.'),
      column('Available', 'Pods that have been ready for long enough.'),
      age,
      ...containerColumns,
      selector,
    ],
    cells: (object, now) => [
      object.metadata.name,
      `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 0}`,
      object.status?.updatedReplicas ?? 0,
      object.status?.availableReplicas ?? 0,
      ageOf(object, now),
      ...containerCells(object.spec?.template?.spec?.containers),
      formatSelector(object.spec?.selector),
    ],
  }),
  entry<ReplicaSet>('apps/v1.ReplicaSet', {
    definitions: replicaColumns,
    cells: (object, now) => [...replicaCells(object, now), formatSelector(object.spec?.selector)],
  }),
  entry<ReplicationController>('core/v1.ReplicationController', {
    definitions: replicaColumns,
    cells: (object, now) => [...replicaCells(object, now), formatLabels(object.spec?.selector)],
  }),
  entry<StatefulSet>('apps/v1.StatefulSet', {
    definitions: [name, ready, age, ...containerColumns],
    cells: (object, now) => [
      object.metadata.name,
      `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 0}`,
      ageOf(object, now),
      ...containerCells(object.spec?.template?.spec?.containers),
    ],
  }),
  entry<DaemonSet>('apps/v1.DaemonSet', {
    definitions: [
      name,
      integer('Desired', 'Nodes that should run the Pod.'),
      integer('Current', 'Nodes that have the Pod and should.'),
      integer('Ready', 'Nodes on which the Pod is ready.'),
      integer('Up-to-date', 'Nodes with a Pod of the current template.'),
      integer('Available', 'Nodes on which the Pod has been ready for long enough.'),
      column('Node Selector', 'Labels of the nodes that should run the Pod.'),
      age,
      ...containerColumns,
      selector,
    ],
    cells: daemonSetCells,
  }),
  entry<ControllerRevision>('apps/v1.ControllerRevision', {
    definitions: [
      name,
      column('Controller', 'Object whose template was recorded.'),
      column('Revision', 'Number of the revision.'),
      age,
    ],
    cells: (object, now) => [object.metadata.name, controllerText(object), object.revision, ageOf(object, now)],
  }),
  entry<Scale & KubeObject>('autoscaling/v1.Scale', {
    definitions: [
      column('Name', 'Name of the scaled object.'),
      integer('Desired', 'Pods that are wanted.'),
      integer('Available', 'Pods that there are.'),
      age,
    ],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.replicas ?? 0,
      object.status?.replicas ?? 0,
      ageOf(object, now),
    ],
  }),
];

function replicaCells(object: ReplicaSet | ReplicationController, now: number): unknown[] {
  return [
    object.metadata.name,
    object.spec?.replicas ?? 0,
    object.status?.replicas ?? 0,
    object.status?.readyReplicas ?? 0,
    ageOf(object, now),
    ...containerCells(object.spec?.template?.spec?.containers),
  ];
}

function daemonSetCells(object: DaemonSet, now: number): unknown[] {
  const { spec, status } = object;
  return [
    object.metadata.name,
    status?.desiredNumberScheduled ?? 0,
    status?.currentNumberScheduled ?? 0,
    status?.numberReady ?? 0,
    status?.updatedNumberScheduled ?? 0,
    status?.numberAvailable ?? 0,
    formatLabels(spec?.template?.spec?.nodeSelector),
    ageOf(object, now),
    ...containerCells(spec?.template?.spec?.containers),
    formatSelector(spec?.selector),
  ];
}

/** 'daemonset.apps/name'. */
function controllerText(object: ControllerRevision): string {
  const owner = controllerOf(object);
  if (!owner) return '<none>';
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}
