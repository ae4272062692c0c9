import type { RuntimeClass } from '../generated/node-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Label } from '../names.ts';
import { immutable, invalidEach, required } from '../validation/field-error.ts';
import { validateLabels } from '../validation/metadata.ts';
import { validateTolerations } from '../validation/scheduling.ts';

/** pkg/apis/node/validation. */
export const runtimeClass: Kind<RuntimeClass> = {
  type: 'node/v1.RuntimeClass',
  validate: ({ handler, scheduling }) => [
    ...(handler ? invalidEach('handler', handler, dns1123Label(handler)) : [required('handler')]),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...validateTolerations(scheduling?.tolerations ?? [], 'scheduling.tolerations'),
  ],
  validateUpdate: (runtime, old) => immutable('handler', runtime.handler, old.handler),
};
