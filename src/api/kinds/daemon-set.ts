import type { DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy } from '../generated/apps-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { immutable, invalidValue, notSupported, required, sameValue } from '../validation/field-error.ts';
import {
  atMost100Percent,
  intOrPercentValue,
  nonNegative,
  notDecremented,
  validateIntOrPercent,
} from '../validation/numbers.ts';
import { validateWorkloadSelector, validateWorkloadTemplate } from '../validation/workload.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

/** What extensions/v1beta1 had as a field (Convert_apps_DaemonSet_To_v1_DaemonSet). */
const templateGeneration = 'deprecated.daemonset.template.generation';

function setTemplateGeneration(metadata: DaemonSet['metadata'], generation: number): void {
  metadata.annotations = { ...metadata.annotations, [templateGeneration]: String(generation) };
}

/** pkg/apis/apps and pkg/registry/apps/daemonset. */
export const daemonSet: Kind<DaemonSet> = {
  type: 'apps/v1.DaemonSet',
  defaults({ spec }) {
    if (!spec) return;
    spec.updateStrategy ??= {};
    const strategy = spec.updateStrategy;
    strategy.type ||= 'RollingUpdate';
    if (strategy.type === 'RollingUpdate') {
      strategy.rollingUpdate ??= {};
      strategy.rollingUpdate.maxUnavailable ??= 1;
      strategy.rollingUpdate.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
  },
  validate: ({ spec }) => specErrors(spec),
  validateUpdate: ({ spec }, old) => [
    ...specErrors(spec),
    ...immutable('spec.selector', spec.selector, old.spec.selector),
  ],
  validateStatusUpdate: ({ status }, old) => [
    ...nonNegative(status, statusNumbers, 'status'),
    ...notDecremented(status?.collisionCount, old.status?.collisionCount, 'status.collisionCount'),
  ],
  prepareForCreate({ metadata }) {
    const given = Number(metadata.annotations?.[templateGeneration] ?? 0);
    setTemplateGeneration(metadata, Math.max(1, given || 1));
  },
  prepareForUpdate({ metadata, spec }, old) {
    const before = Number(old.metadata.annotations?.[templateGeneration] ?? 1);
    setTemplateGeneration(metadata, sameValue(spec.template, old.spec.template) ? before : before + 1);
  },
  warnings: ({ spec }) => podTemplateWarnings(spec?.template, 'spec.template'),
};

const statusNumbers = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

function specErrors(spec: DaemonSetSpec): Cause[] {
  return [
    ...validateWorkloadSelector(spec.selector, 'daemonset', 'spec.selector'),
    ...validateWorkloadTemplate(spec.template, spec.selector, 'DaemonSet', 'spec.template'),
    ...nonNegative(spec, ['minReadySeconds'], 'spec'),
    ...strategyErrors(spec.updateStrategy ?? {}, 'spec.updateStrategy'),
    ...nonNegative(spec, ['revisionHistoryLimit'], 'spec'),
  ];
}

function strategyErrors(strategy: DaemonSetUpdateStrategy, path: string): Cause[] {
  if (strategy.type === 'OnDelete') return [];
  if (strategy.type !== 'RollingUpdate') return [notSupported(path, strategy, ['RollingUpdate', 'OnDelete'])];
  const rolling = strategy.rollingUpdate;
  if (!rolling) return [required(`${path}.rollingUpdate`)];
  const { maxUnavailable, maxSurge } = rolling;
  const own = `${path}.rollingUpdate`;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, `${own}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${own}.maxSurge`),
  ];
  const [unavailable, surge] = [intOrPercentValue(maxUnavailable) > 0, intOrPercentValue(maxSurge) > 0];
  if (unavailable && surge)
    errors.push(invalidValue(`${own}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (!unavailable && !surge)
    errors.push(invalidValue(`${own}.maxUnavailable`, maxUnavailable, 'cannot be 0 when maxSurge is 0'));
  return [
    ...errors,
    ...atMost100Percent(maxUnavailable, `${own}.maxUnavailable`),
    ...atMost100Percent(maxSurge, `${own}.maxSurge`),
  ];
}
