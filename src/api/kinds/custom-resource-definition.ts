import type { CustomResourceDefinition } from '../generated/apiextensions-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1035Label, dns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import {
  at,
  duplicate,
  immutable,
  invalidEach,
  invalidValue,
  notSupported,
  required,
} from '../validation/field-error.ts';

/**
 * What can be said about a definition without looking into its schemas (apiextensions-apiserver
 * pkg/apis/apiextensions/validation). Whether a schema is structural is for the server of custom resources to say.
 */
export const customResourceDefinition: Kind<CustomResourceDefinition> = {
  type: 'apiextensions/v1.CustomResourceDefinition',
  hasGeneration: true,
  defaults({ spec }) {
    if (!spec) return;
    const { names } = spec;
    if (names?.kind) {
      names.singular ||= names.kind.toLowerCase();
      names.listKind ||= `${names.kind}List`;
    }
    spec.conversion ??= { strategy: 'None' };
    spec.conversion.strategy ||= 'None';
    const reference = spec.conversion.webhook?.clientConfig?.service;
    if (reference) reference.port ??= 443;
  },
  validate: definitionErrors,
  validateUpdate: (definition, old) => {
    const established = old.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
    return [
      ...definitionErrors(definition),
      ...immutable('spec.group', definition.spec.group, old.spec.group),
      ...immutable('spec.names.plural', definition.spec.names.plural, old.spec.names.plural),
      ...(established
        ? [
            ...immutable('spec.scope', definition.spec.scope, old.spec.scope),
            ...immutable('spec.names.kind', definition.spec.names.kind, old.spec.names.kind),
          ]
        : []),
      ...(old.status?.storedVersions ?? []).flatMap((stored, i) =>
        definition.spec.versions.some(({ name }) => name === stored)
          ? []
          : [
              invalidValue(
                at('status.storedVersions', i),
                stored,
                `missing from spec.versions; ${stored} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${stored} and removes ${stored} from status.storedVersions`,
              ),
            ],
      ),
    ];
  },
};

function definitionErrors({ metadata, spec }: CustomResourceDefinition): Cause[] {
  const errors: Cause[] = [];
  const { group, names, scope, versions = [] } = spec;
  if (metadata.name !== `${names?.plural}.${group}`)
    errors.push(invalidValue('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'));
  if (!group) errors.push(required('spec.group'));
  else {
    errors.push(...invalidEach('spec.group', group, dns1123Subdomain(group)));
    if (!group.includes('.'))
      errors.push(invalidValue('spec.group', group, 'should be a domain with at least one dot'));
  }
  const scopes = ['Cluster', 'Namespaced'];
  if (!scope) errors.push(required('spec.scope'));
  else if (!scopes.includes(scope)) errors.push(notSupported('spec.scope', scope, scopes));
  return [...errors, ...versionErrors(versions), ...nameErrors(names)];
}

function versionErrors(versions: CustomResourceDefinition['spec']['versions']): Cause[] {
  const errors: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, { name, schema }] of versions.entries()) {
    const own = at('spec.versions', i);
    errors.push(...invalidEach(`${own}.name`, name, dns1035Label(name)));
    if (seen.has(name)) errors.push(duplicate(`${own}.name`, name));
    seen.add(name);
    if (!schema?.openAPIV3Schema) errors.push(required(`${own}.schema.openAPIV3Schema`, 'schemas are required'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(invalidValue('spec.versions', versions, 'must have exactly one version marked as storage version'));
  return errors;
}

function nameErrors(names: CustomResourceDefinition['spec']['names']): Cause[] {
  const errors: Cause[] = [];
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const value = names?.[field] ?? '';
    const own = `spec.names.${field}`;
    if (!value) errors.push(required(own));
    else errors.push(...invalidEach(own, value, dns1035Label(value.toLowerCase())));
  }
  if (names?.kind && names.kind === names.listKind)
    errors.push(invalidValue('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'));
  for (const [i, name] of (names?.shortNames ?? []).entries())
    errors.push(...invalidEach(at('spec.names.shortNames', i), name, dns1035Label(name)));
  for (const [i, name] of (names?.categories ?? []).entries())
    errors.push(...invalidEach(at('spec.names.categories', i), name, dns1035Label(name)));
  return errors;
}
