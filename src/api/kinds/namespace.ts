import type { Namespace } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import { qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { at, invalidEach, invalidValue } from '../validation/field-error.ts';

/** pkg/apis/core and pkg/registry/core/namespace. */
export const namespace: Kind<Namespace> = {
  type: 'core/v1.Namespace',
  nameRule: 'label',
  hasGeneration: false,
  defaults(namespace) {
    const { metadata } = namespace;
    if (metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
    namespace.status ??= {};
    namespace.status.phase ||= 'Active';
  },
  validate: ({ spec }) => finalizerErrors(spec?.finalizers ?? []),
  validateUpdate: () => [],
  validateStatusUpdate({ metadata, status }) {
    const [phase, when] = metadata.deletionTimestamp
      ? ['Terminating', '`deletionTimestamp` is not empty']
      : ['Active', '`deletionTimestamp` is empty'];
    return status?.phase === phase
      ? []
      : [invalidValue('status.Phase', status?.phase ?? '', `may only be '${phase}' if ${when}`)];
  },
  prepareForCreate(namespace) {
    namespace.status = { phase: 'Active' };
    namespace.spec ??= {};
    const { spec, metadata } = namespace;
    if (!spec.finalizers?.includes('kubernetes')) spec.finalizers = [...(spec.finalizers ?? []), 'kubernetes'];
    // A generated name is only known now (Canonicalize).
    if (metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
  },
  prepareForUpdate(namespace, old) {
    namespace.spec = { ...namespace.spec, finalizers: old.spec?.finalizers };
    if (!namespace.spec.finalizers) delete namespace.spec.finalizers;
  },
  selectableFields: {
    'status.phase': ({ status }) => status?.phase ?? '',
    name: ({ metadata }) => metadata.name,
  },
};

/** Field errors of a change through /finalize (ValidateNamespaceFinalizeUpdate). */
export function validateFinalizeUpdate({ spec }: Namespace): Cause[] {
  return (spec?.finalizers ?? []).flatMap((name, i) => finalizerErrors([name], at('spec.finalizers', i)));
}

function finalizerErrors(finalizers: readonly string[], path = 'spec.finalizers'): Cause[] {
  return finalizers.flatMap((name) => [
    ...invalidEach(path, name, qualifiedName(name)),
    ...(name.includes('/') || ['kubernetes', 'orphan', 'foregroundDeletion'].includes(name)
      ? []
      : [invalidValue(path, name, 'name is neither a standard finalizer name nor is it fully qualified')]),
  ]);
}
