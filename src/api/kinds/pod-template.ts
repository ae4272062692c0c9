import type { PodTemplate } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import { validatePodTemplate } from '../validation/pod-spec.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

/** pkg/apis/core/validation ValidatePodTemplate. */
export const podTemplate: Kind<PodTemplate> = {
  type: 'core/v1.PodTemplate',
  hasGeneration: true,
  validate: ({ template }) => validatePodTemplate(template ?? {}, 'template'),
  warnings: ({ template }) => podTemplateWarnings(template, 'template'),
};
