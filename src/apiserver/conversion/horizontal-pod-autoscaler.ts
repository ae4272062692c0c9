import type * as v1 from '../../api/generated/autoscaling-v1.ts';
import type * as v2 from '../../api/generated/autoscaling-v2.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Conversion } from '../strategy.ts';

/** Where autoscaling/v1 keeps what it has no fields for (pkg/apis/autoscaling/annotations.go). */
const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';
const currentMetricsAnnotation = 'autoscaling.alpha.kubernetes.io/current-metrics';
const conditionsAnnotation = 'autoscaling.alpha.kubernetes.io/conditions';
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior';

/** autoscaling/v1 HorizontalPodAutoscalers are stored as v2 (pkg/apis/autoscaling/v1/conversion.go). */
export const horizontalPodAutoscalerConversion: Conversion = {
  toServed(stored: KubeObject): KubeObject {
    const { spec, status, metadata } = stored as v2.HorizontalPodAutoscaler;
    const { metrics, behavior, ...plainSpec } = spec;
    const { currentMetrics, conditions, ...plainStatus } = status ?? { desiredReplicas: 0 };
    const [cpu, others] = splitCpu(metrics);
    const [currentCpu, otherCurrent] = splitCurrentCpu(currentMetrics);
    const served: v1.HorizontalPodAutoscaler = {
      kind: stored.kind,
      apiVersion: 'autoscaling/v1',
      metadata: annotated(metadata, [
        [metricsAnnotation, others],
        [currentMetricsAnnotation, otherCurrent],
        [conditionsAnnotation, conditions],
        [behaviorAnnotation, behavior],
      ]),
      spec: { ...plainSpec, ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }) },
      status: {
        currentReplicas: 0,
        ...plainStatus,
        ...(currentCpu === undefined ? {} : { currentCPUUtilizationPercentage: currentCpu }),
      },
    };
    return served;
  },
  toStored(object: KubeObject): KubeObject {
    const { spec, status, metadata } = object as v1.HorizontalPodAutoscaler;
    const { targetCPUUtilizationPercentage: cpu, ...plainSpec } = spec;
    const { currentCPUUtilizationPercentage: currentCpu, ...plainStatus } = status ?? { desiredReplicas: 0 };
    const notes = metadata.annotations ?? {};
    const metrics: v2.MetricSpec[] = read(notes, metricsAnnotation) ?? [];
    const currentMetrics: v2.MetricStatus[] = read(notes, currentMetricsAnnotation) ?? [];
    const conditions = read<v2.HorizontalPodAutoscalerCondition[]>(notes, conditionsAnnotation);
    const behavior = read<v2.HorizontalPodAutoscalerBehavior>(notes, behaviorAnnotation);
    if (cpu !== undefined) {
      const target = { type: 'Utilization', averageUtilization: cpu };
      metrics.unshift({ type: 'Resource', resource: { name: 'cpu', target } });
    }
    if (currentCpu !== undefined) {
      const current = { averageUtilization: currentCpu };
      currentMetrics.unshift({ type: 'Resource', resource: { name: 'cpu', current } });
    }
    const stored: v2.HorizontalPodAutoscaler = {
      kind: object.kind,
      apiVersion: 'autoscaling/v2',
      metadata: annotated(metadata, []),
      spec: { ...plainSpec, ...(metrics.length ? { metrics } : {}), ...(behavior ? { behavior } : {}) },
      status: {
        ...plainStatus,
        ...(currentMetrics.length ? { currentMetrics } : {}),
        ...(conditions ? { conditions } : {}),
      },
    };
    return stored;
  },
};

function splitCpu(metrics: v2.MetricSpec[] = []): [number | undefined, v2.MetricSpec[]] {
  const cpu = metrics.find(
    (metric) =>
      metric.type === 'Resource' &&
      metric.resource?.name === 'cpu' &&
      metric.resource.target.averageUtilization !== undefined,
  );
  return [cpu?.resource?.target.averageUtilization, metrics.filter((metric) => metric !== cpu)];
}

function splitCurrentCpu(metrics: v2.MetricStatus[] = []): [number | undefined, v2.MetricStatus[]] {
  const cpu = metrics.find(
    (metric) =>
      metric.type === 'Resource' &&
      metric.resource?.name === 'cpu' &&
      metric.resource.current.averageUtilization !== undefined,
  );
  return [cpu?.resource?.current.averageUtilization, metrics.filter((metric) => metric !== cpu)];
}

/** The metadata with these annotations, and without other ones of this conversion. */
function annotated(metadata: KubeObject['metadata'], values: [string, unknown][]): KubeObject['metadata'] {
  const annotations = { ...metadata.annotations };
  for (const name of [metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation]) {
    delete annotations[name];
  }
  for (const [name, value] of values) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    annotations[name] = JSON.stringify(value);
  }
  const { annotations: _old, ...rest } = metadata;
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
}

function read<T>(annotations: Record<string, string>, name: string): T | undefined {
  try {
    return annotations[name] === undefined ? undefined : (JSON.parse(annotations[name]) as T);
  } catch {
    return undefined;
  }
}
