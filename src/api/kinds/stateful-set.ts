import type { StatefulSet, StatefulSetSpec } from '../generated/apps-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import { forbiddenField, invalidValue, notSupported, required, sameValue } from '../validation/field-error.ts';
import { validateAnnotations, validateLabels } from '../validation/metadata.ts';
import { nonNegative, notDecremented, validateIntOrPercent } from '../validation/numbers.ts';
import { isEmptySelector, selectorMatches, validateLabelSelector } from '../validation/selector.ts';
import { validateWorkloadSelector } from '../validation/workload.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

/** pkg/apis/apps and pkg/registry/apps/statefulset. */
export const statefulSet: Kind<StatefulSet> = {
  type: 'apps/v1.StatefulSet',
  defaults({ spec }) {
    if (!spec) return;
    spec.podManagementPolicy ||= 'OrderedReady';
    spec.updateStrategy ??= {};
    const strategy = spec.updateStrategy;
    if (!strategy.type) {
      strategy.type = 'RollingUpdate';
      strategy.rollingUpdate ??= {};
    }
    if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) strategy.rollingUpdate.partition ??= 0;
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ||= 'v1';
      claim.kind ||= 'PersistentVolumeClaim';
    }
  },
  validate: ({ spec }) => specErrors(spec),
  validateUpdate(set, old) {
    const munged = { ...set.spec };
    for (const field of mutableFields) {
      if (old.spec[field] === undefined) delete munged[field];
      else Object.assign(munged, { [field]: old.spec[field] });
    }
    const errors = specErrors(set.spec);
    if (!sameValue(munged, old.spec))
      errors.push(
        forbiddenField(
          'spec',
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      );
    return errors;
  },
  validateStatusUpdate({ status }, old) {
    const errors = nonNegative(status, statusNumbers, 'status').slice();
    const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status ?? {};
    for (const field of ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const)
      if ((status?.[field] ?? 0) > replicas)
        errors.push(invalidValue(`status.${field}`, status?.[field], 'cannot be greater than status.replicas'));
    if (availableReplicas > readyReplicas)
      errors.push(
        invalidValue('status.availableReplicas', availableReplicas, 'cannot be greater than status.readyReplicas'),
      );
    return [...errors, ...notDecremented(status?.collisionCount, old.status?.collisionCount, 'status.collisionCount')];
  },
  warnings: ({ spec }) => podTemplateWarnings(spec?.template, 'spec.template'),
};

const mutableFields = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
] as const;
const statusNumbers = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
] as const;

function specErrors(spec: StatefulSetSpec): Cause[] {
  const policy = spec.podManagementPolicy as string | undefined;
  const errors: Cause[] = [];
  if (!policy) errors.push(required('spec.podManagementPolicy'));
  else if (policy !== 'OrderedReady' && policy !== 'Parallel')
    errors.push(invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'"));
  errors.push(...strategyErrors(spec.updateStrategy ?? {}, 'spec.updateStrategy'));
  errors.push(...retentionErrors(spec.persistentVolumeClaimRetentionPolicy ?? {}));
  errors.push(...nonNegative(spec, ['replicas', 'minReadySeconds', 'revisionHistoryLimit'], 'spec'));
  if (spec.ordinals) errors.push(...nonNegative(spec.ordinals, ['start'], 'spec.ordinals'));
  errors.push(...validateWorkloadSelector(spec.selector, 'statefulset', 'spec.selector'));
  return [...errors, ...templateErrors(spec)];
}

function strategyErrors(strategy: NonNullable<StatefulSetSpec['updateStrategy']>, path: string): Cause[] {
  const rolling = strategy.rollingUpdate;
  switch (strategy.type as string | undefined) {
    case undefined:
    case '':
      return [required(path)];
    case 'OnDelete':
      return rolling
        ? [invalidValue(`${path}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'")]
        : [];
    case 'RollingUpdate':
      return [
        ...nonNegative(rolling, ['partition'], `${path}.rollingUpdate`),
        ...validateIntOrPercent(rolling?.maxUnavailable, `${path}.rollingUpdate.maxUnavailable`),
      ];
    default:
      return [invalidValue(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  }
}

function retentionErrors(policy: NonNullable<StatefulSetSpec['persistentVolumeClaimRetentionPolicy']>): Cause[] {
  return (['whenDeleted', 'whenScaled'] as const).flatMap((field) => {
    const value = policy[field] as string | undefined;
    return value === 'Retain' || value === 'Delete'
      ? []
      : [notSupported(`spec.persistentVolumeClaimRetentionPolicy.${field}`, value ?? '', ['Retain', 'Delete'])];
  });
}

/** The template's volumes are only complete with the claims, so that its containers are not looked at here. */
function templateErrors({ template, selector }: StatefulSetSpec): Cause[] {
  if (!template) return [required('spec.template')];
  const labels = template.metadata?.labels;
  const errors: Cause[] = [];
  if (
    selector &&
    !isEmptySelector(selector) &&
    !validateLabelSelector(selector, '').length &&
    !selectorMatches(selector, labels ?? {})
  )
    errors.push(
      invalidValue('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'),
    );
  errors.push(
    ...validateLabels(labels, 'spec.template.labels'),
    ...validateAnnotations(template.metadata?.annotations, 'spec.template.annotations'),
  );
  const restart = template.spec?.restartPolicy;
  if (restart !== 'Always') errors.push(notSupported('spec.template.spec.restartPolicy', restart ?? '', ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined)
    errors.push(
      forbiddenField(
        'spec.template.spec.activeDeadlineSeconds',
        'activeDeadlineSeconds in StatefulSet is not Supported',
      ),
    );
  return errors;
}
