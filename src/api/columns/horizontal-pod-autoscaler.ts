import type { HorizontalPodAutoscaler as V1 } from '../generated/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../generated/autoscaling-v2.ts';
import { age, ageOf, type ColumnsEntry, column, entry, name } from './column.ts';

const definitions = [
  name,
  column('Reference', 'Object that is scaled.'),
  column('Targets', 'Current and wanted value of every metric.'),
  column('MinPods', 'Fewest Pods.'),
  column('MaxPods', 'Most Pods.'),
  column('Replicas', 'Pods that there are.'),
  age,
];

export const horizontalPodAutoscalerColumns: ColumnsEntry[] = [
  entry<HorizontalPodAutoscaler>('autoscaling/v2.HorizontalPodAutoscaler', {
    definitions,
    cells: (object, now) => cells(object, targets(object.spec?.metrics, object.status?.currentMetrics), now),
  }),
  entry<V1>('autoscaling/v1.HorizontalPodAutoscaler', {
    definitions,
    cells: (object, now) => cells(object, cpuTarget(object), now),
  }),
];

function cells(object: HorizontalPodAutoscaler | V1, metrics: string, now: number): unknown[] {
  return [
    object.metadata.name,
    `${object.spec?.scaleTargetRef?.kind}/${object.spec?.scaleTargetRef?.name}`,
    metrics,
    object.spec?.minReplicas === undefined ? '<unset>' : `${object.spec.minReplicas}`,
    object.spec?.maxReplicas ?? 0,
    object.status?.currentReplicas ?? 0,
    ageOf(object, now),
  ];
}

function cpuTarget({ spec, status }: V1): string {
  if (spec?.targetCPUUtilizationPercentage === undefined) return '<none>';
  const current = status?.currentCPUUtilizationPercentage;
  return `cpu: ${current === undefined ? '<unknown>' : `${current}%`}/${spec.targetCPUUtilizationPercentage}%`;
}

/** At most two metrics, then how many more there are. */
function targets(specs: readonly MetricSpec[] = [], statuses: readonly MetricStatus[] = []): string {
  if (specs.length === 0) return '<none>';
  const texts = specs.map((spec, index) => metric(spec, statuses[index]));
  const shown = texts.slice(0, 2).join(', ');
  return texts.length > 2 ? `${shown} + ${texts.length - 2} more...` : shown;
}

function metric(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return value(spec.external?.target, status?.external?.current);
    case 'Object':
      return value(spec.object?.target, status?.object?.current);
    case 'Pods':
      return `${status?.pods?.current?.averageValue ?? '<unknown>'}/${spec.pods?.target?.averageValue ?? '0'}`;
    case 'Resource':
      return `${spec.resource?.name}: ${resource(spec.resource?.target, status?.resource?.current)}`;
    case 'ContainerResource':
      return `${spec.containerResource?.name}: ${resource(spec.containerResource?.target, status?.containerResource?.current)}`;
    default:
      return '<unknown type>';
  }
}

function value(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`;
  return `${current?.value ?? '<unknown>'}/${target?.value ?? '0'}`;
}

function resource(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? '<unknown>'}/${target.averageValue}`;
  const wanted = target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`;
  return `${current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`}/${wanted}`;
}
