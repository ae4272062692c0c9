import type { PodTemplateSpec } from '../generated/core-v1.ts';
import type { LabelSelector } from '../object.ts';
import type { Cause } from '../status-error.ts';
import { forbiddenField, invalidValue, notSupported, required } from './field-error.ts';
import { validatePodTemplate } from './pod-spec.ts';
import { isEmptySelector, selectorMatches, validateLabelSelector } from './selector.ts';

/** A selector that must be there and select something. `what` is the kind's name in the message, in lower case. */
export function validateWorkloadSelector(selector: LabelSelector | undefined, what: string, path: string): Cause[] {
  if (!selector) return [required(path)];
  const errors = validateLabelSelector(selector, path);
  if (isEmptySelector(selector)) errors.push(invalidValue(path, selector, `empty selector is invalid for ${what}`));
  return errors;
}

/** A template whose Pods the selector finds and that run forever (ValidatePodTemplateSpecForReplicaSet). */
export function validateWorkloadTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  kind: string,
  path: string,
): Cause[] {
  if (!template) return [required(path)];
  const errors: Cause[] = [];
  const labels = template.metadata?.labels;
  // No selector finds nothing, an empty one anything.
  if (!selector || (!validateLabelSelector(selector, '').length && !isEmptySelector(selector))) {
    if (!selector || !selectorMatches(selector, labels ?? {}))
      errors.push(
        invalidValue(`${path}.metadata.labels`, labels ?? null, '`selector` does not match template `labels`'),
      );
  }
  errors.push(...validatePodTemplate(template, path));
  const restart = template.spec?.restartPolicy;
  if (restart !== 'Always') errors.push(notSupported(`${path}.spec.restartPolicy`, restart ?? '', ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined)
    errors.push(
      forbiddenField(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`),
    );
  return errors;
}
