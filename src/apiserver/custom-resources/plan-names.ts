import type { CustomResourceDefinition, CustomResourceDefinitionNames } from '../../api/generated/apiextensions-v1.ts';

export interface NamesPlan {
  accepted: CustomResourceDefinitionNames;
  condition: { type: string; status: string; reason: string; message: string };
}

/** Which of the names that a definition asks for it gets: those that no other of its group has (pkg/controller/status/naming_controller.go). */
export function planNames(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): NamesPlan {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { spec, status, metadata } of others) {
    if (spec.group !== definition.spec.group || metadata.name === definition.metadata.name) continue;
    const {
      plural,
      singular = '',
      shortNames = [],
      kind,
      listKind = '',
    } = status?.acceptedNames ?? { plural: '', kind: '' };
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  const asked = definition.spec.names;
  const had = definition.status?.acceptedNames;
  const accepted: CustomResourceDefinitionNames = { ...(had ?? { plural: '', kind: '' }) };
  let refusal: { reason: string; message: string } | undefined;
  const claim = (field: 'plural' | 'singular' | 'kind' | 'listKind', taken: Set<string>, reason: string) => {
    const name = asked[field] ?? '';
    if (name !== had?.[field] && taken.has(name)) refusal = { reason, message: inUse(name) };
    else accepted[field] = name;
  };
  claim('plural', resources, 'PluralConflict');
  claim('singular', resources, 'SingularConflict');
  const clashes = (asked.shortNames ?? []).filter((name) => !had?.shortNames?.includes(name) && resources.has(name));
  if (clashes.length > 0) refusal = { reason: 'ShortNamesConflict', message: clashes.map(inUse).join(', ') };
  else setOrDelete(accepted, 'shortNames', asked.shortNames);
  claim('kind', kinds, 'KindConflict');
  claim('listKind', kinds, 'ListKindConflict');
  setOrDelete(accepted, 'categories', asked.categories);
  const condition = refusal
    ? { type: 'NamesAccepted', status: 'False', ...refusal }
    : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
  return { accepted, condition };
}

const inUse = (name: string) => `${JSON.stringify(name)} is already in use`;

function setOrDelete(
  names: CustomResourceDefinitionNames,
  field: 'shortNames' | 'categories',
  value: string[] | undefined,
) {
  if (value) names[field] = value;
  else delete names[field];
}
