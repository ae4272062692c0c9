import type { HorizontalPodAutoscaler as AutoscalerV1 } from '../generated/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../generated/autoscaling-v2.ts';
import type { Kind } from '../kind.ts';
import { pathSegmentName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { at, invalidEach, invalidValue, notSupported, required } from '../validation/field-error.ts';

/** pkg/apis/autoscaling. Names follow those of ReplicationControllers. */
export const horizontalPodAutoscaler: Kind<HorizontalPodAutoscaler> = {
  type: 'autoscaling/v2.HorizontalPodAutoscaler',
  hasGeneration: false,
  defaults({ spec }) {
    if (!spec) return;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length)
      spec.metrics = [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
        },
      ];
    if (!spec.behavior) return;
    spec.behavior.scaleUp = withDefaults(spec.behavior.scaleUp, scaleUpRules());
    spec.behavior.scaleDown = withDefaults(spec.behavior.scaleDown, scaleDownRules());
  },
  validate: ({ spec }) => [...boundErrors(spec), ...metricErrors(spec), ...behaviorErrors(spec)],
};

export const horizontalPodAutoscalerV1: Kind<AutoscalerV1> = {
  type: 'autoscaling/v1.HorizontalPodAutoscaler',
  hasGeneration: false,
  defaults({ spec }) {
    if (!spec) return;
    spec.minReplicas ??= 1;
    spec.targetCPUUtilizationPercentage ??= 80;
  },
  validate: ({ spec }) => boundErrors(spec),
};

function withDefaults(rules: HPAScalingRules | undefined, defaults: HPAScalingRules): HPAScalingRules {
  return { ...defaults, ...rules, policies: rules?.policies ?? defaults.policies };
}

function scaleUpRules(): HPAScalingRules {
  return {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  };
}

function scaleDownRules(): HPAScalingRules {
  return { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };
}

interface Bounds {
  minReplicas?: number;
  maxReplicas: number;
  scaleTargetRef: { kind: string; name: string };
}

function boundErrors({ minReplicas, maxReplicas, scaleTargetRef }: Bounds): Cause[] {
  const errors: Cause[] = [];
  if (minReplicas !== undefined && minReplicas < 1)
    errors.push(invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  if (maxReplicas < 1) errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  for (const field of ['kind', 'name'] as const) {
    const own = `spec.scaleTargetRef.${field}`;
    const value = scaleTargetRef[field];
    errors.push(...(value ? invalidEach(own, value, pathSegmentName(value)) : [required(own)]));
  }
  return errors;
}

const metricTypes = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const sourceOf: Record<string, 'resource' | 'pods' | 'object' | 'external' | 'containerResource'> = {
  Resource: 'resource',
  Pods: 'pods',
  Object: 'object',
  External: 'external',
  ContainerResource: 'containerResource',
};

function metricErrors({ metrics = [] }: HorizontalPodAutoscaler['spec']): Cause[] {
  return metrics.flatMap((metric, i) => {
    const own = at('spec.metrics', i);
    if (!metric.type) return [required(`${own}.type`, 'must specify a metric source type')];
    const source = sourceOf[metric.type];
    if (!source) return [notSupported(`${own}.type`, metric.type, metricTypes)];
    if (!metric[source]) return [required(`${own}.${source}`, 'must populate information for the given metric source')];
    return [];
  });
}

function behaviorErrors({ behavior }: HorizontalPodAutoscaler['spec']): Cause[] {
  return (['scaleUp', 'scaleDown'] as const).flatMap((direction) => {
    const rules = behavior?.[direction];
    if (!rules) return [];
    const own = `spec.behavior.${direction}`;
    const errors: Cause[] = [];
    const window = rules.stabilizationWindowSeconds;
    if (window !== undefined && window < 0)
      errors.push(invalidValue(`${own}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'));
    if (window !== undefined && window > 3600)
      errors.push(invalidValue(`${own}.stabilizationWindowSeconds`, window, 'must be less than or equal to 3600'));
    const policies = ['Disabled', 'Max', 'Min'];
    if (rules.selectPolicy !== undefined && !policies.includes(rules.selectPolicy))
      errors.push(notSupported(`${own}.selectPolicy`, rules.selectPolicy, policies));
    if (!rules.policies?.length) errors.push(required(`${own}.policies`, 'must specify at least one Policy'));
    for (const [i, policy] of (rules.policies ?? []).entries()) {
      const path = at(`${own}.policies`, i);
      if (policy.type !== 'Pods' && policy.type !== 'Percent')
        errors.push(notSupported(`${path}.type`, policy.type, ['Percent', 'Pods']));
      if (policy.value <= 0) errors.push(invalidValue(`${path}.value`, policy.value, 'must be greater than zero'));
      if (policy.periodSeconds <= 0)
        errors.push(invalidValue(`${path}.periodSeconds`, policy.periodSeconds, 'must be greater than zero'));
      if (policy.periodSeconds > 1800)
        errors.push(invalidValue(`${path}.periodSeconds`, policy.periodSeconds, 'must be less than or equal to 1800'));
    }
    return errors;
  });
}
