import type { HorizontalPodAutoscaler as AutoscalerV1 } from '../generated/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../generated/autoscaling-v2.ts';
import type { Kind } from '../kind.ts';
import { quantityMilliValue } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { at, invalidValue, notSupported, required } from '../validation/field-error.ts';
import { metricSpecErrors, referenceErrors } from './autoscaling-metrics.ts';

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
  validate: specErrors,
  validateUpdate: specErrors,
  validateStatusUpdate: statusErrors,
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
  validateUpdate: ({ spec }) => boundErrors(spec),
  validateStatusUpdate: statusErrors,
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
  errors.push(...referenceErrors('spec.scaleTargetRef', scaleTargetRef));
  return errors;
}

function specErrors({ spec }: HorizontalPodAutoscaler): Cause[] {
  const metrics = (spec.metrics ?? []).flatMap((metric, i) => metricSpecErrors(at('spec.metrics', i), metric));
  return [...boundErrors(spec), ...metrics, ...behaviorErrors(spec)];
}

function statusErrors({ status }: { status?: { currentReplicas?: number; desiredReplicas?: number } }): Cause[] {
  return (['currentReplicas', 'desiredReplicas'] as const).flatMap((field) => {
    const value = status?.[field] ?? 0;
    return value < 0 ? [invalidValue(`status.${field}`, value, 'must be greater than or equal to 0')] : [];
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
    if (rules.tolerance !== undefined && quantityMilliValue(rules.tolerance) < 0)
      errors.push(invalidValue(`${own}.tolerance`, rules.tolerance, 'must be greater than or equal to 0'));
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
