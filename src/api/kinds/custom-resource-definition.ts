import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../generated/apiextensions-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1035Label, dns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { compileJsonPath } from '../structural/json-path.ts';
import { type JsonSchema, walkSchema } from '../structural/json-schema.ts';
import { schemaErrors } from '../structural/validate-schema.ts';
import {
  at,
  forbiddenField,
  immutable,
  invalidEach,
  invalidValue,
  notSupported,
  required,
} from '../validation/field-error.ts';

/**
 * The rules of a definition and its schemas (apiextensions-apiserver pkg/apis/apiextensions/validation). CEL rules are
 * compiled by the API server's admission, which has the compiler.
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
  prepareForCreate(definition) {
    definition.status = { ...definition.status!, storedVersions: withStorageVersion(definition, []) };
  },
  prepareForUpdate(definition) {
    definition.status = {
      ...definition.status!,
      storedVersions: withStorageVersion(definition, definition.status?.storedVersions ?? []),
    };
  },
  prepareForDelete(definition, now) {
    const { metadata } = definition;
    metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), cleanupFinalizer])];
    setCondition(definition, now, {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    });
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

/** Holds a definition back until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** Sets a condition; the time changes only with its status. */
export function setCondition(
  definition: CustomResourceDefinition,
  now: string,
  condition: { type: string; status: string; reason: string; message: string },
): void {
  const conditions = [...(definition.status?.conditions ?? [])];
  const index = conditions.findIndex(({ type }) => type === condition.type);
  const before = conditions[index];
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : now;
  const next = { ...condition, ...(lastTransitionTime ? { lastTransitionTime } : {}) };
  if (index < 0) conditions.push(next);
  else conditions[index] = next;
  definition.status = { ...definition.status!, conditions };
}

function withStorageVersion({ spec }: CustomResourceDefinition, stored: string[]): string[] {
  const version = spec.versions?.find(({ storage }) => storage)?.name;
  return version && !stored.includes(version) ? [...stored, version] : stored;
}

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
  return [...errors, ...versionErrors(versions), ...conversionErrors(spec.conversion), ...nameErrors(names)];
}

function versionErrors(versions: CustomResourceDefinition['spec']['versions']): Cause[] {
  const errors: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, { name, schema }] of versions.entries()) {
    const own = at('spec.versions', i);
    errors.push(...invalidEach(`${own}.name`, name, dns1035Label(name)));
    seen.add(name);
    if (!schema?.openAPIV3Schema) errors.push(required(`${own}.schema.openAPIV3Schema`, 'schemas are required'));
  }
  for (const { schema, path } of distinctSchemas(versions)) errors.push(...schemaErrors(schema, path));
  for (const [i, version] of versions.entries())
    errors.push(...columnErrors(version, `spec.versions[${i}]`), ...subresourceErrors(version, `spec.versions[${i}]`));
  if (seen.size !== versions.length)
    errors.push(invalidValue('spec.versions', versions, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(invalidValue('spec.versions', versions, 'must have exactly one version marked as storage version'));
  return errors;
}

/**
 * The schemas to be judged, with the paths that errors name. If all versions have the same one, Kubernetes keeps it as
 * spec.validation (pkg/apis/apiextensions/v1/conversion.go).
 */
export function distinctSchemas(
  versions: readonly CustomResourceDefinitionVersion[],
): { schema: JsonSchema; path: string }[] {
  const schemas = versions.map(({ schema }) => schema?.openAPIV3Schema as JsonSchema | undefined);
  const first = schemas[0];
  if (first && schemas.every((one) => JSON.stringify(one) === JSON.stringify(first)))
    return [{ schema: first, path: 'spec.validation.openAPIV3Schema' }];
  return schemas.flatMap((schema, i) =>
    schema ? [{ schema, path: `spec.versions[${i}].schema.openAPIV3Schema` }] : [],
  );
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function columnErrors({ additionalPrinterColumns = [] }: CustomResourceDefinitionVersion, path: string): Cause[] {
  return additionalPrinterColumns.flatMap(({ name, type, format, jsonPath }, i) => {
    const own = at(`${path}.additionalPrinterColumns`, i);
    const errors: Cause[] = [];
    if (!name) errors.push(required(`${own}.name`));
    const wanted = `must be one of ${columnTypes.join(',')}`;
    if (!type) errors.push(required(`${own}.type`, wanted));
    else if (!columnTypes.includes(type)) errors.push(invalidValue(`${own}.type`, type, wanted));
    if (format && !columnFormats.includes(format))
      errors.push(invalidValue(`${own}.format`, format, `must be one of ${columnFormats.join(',')}`));
    if (!jsonPath) errors.push(required(`${own}.jsonPath`));
    else errors.push(...pathErrors(`${own}.jsonPath`, jsonPath));
    return errors;
  });
}

function subresourceErrors({ subresources, selectableFields = [] }: CustomResourceDefinitionVersion, path: string) {
  const errors: Cause[] = [];
  const { scale } = subresources ?? {};
  const check = (field: string, value: string | undefined, roots: string[], wanted: string) => {
    const own = `${path}.subresources.scale.${field}`;
    if (!value) {
      if (field !== 'labelSelectorPath') errors.push(required(own));
      return;
    }
    const wrong = pathErrors(own, value);
    errors.push(...wrong);
    if (wrong.length === 0 && !roots.some((root) => value.startsWith(root)))
      errors.push(invalidValue(own, value, `should be a json path under ${wanted}`));
  };
  if (scale) {
    check('specReplicasPath', scale.specReplicasPath, ['.spec.'], '.spec');
    check('statusReplicasPath', scale.statusReplicasPath, ['.status.'], '.status');
    check('labelSelectorPath', scale.labelSelectorPath, ['.spec.', '.status.'], 'either .spec or .status');
  }
  if (selectableFields.length > 8)
    errors.push({
      reason: 'FieldValueTooMany',
      field: `${path}.selectableFields`,
      message: `Too many: ${selectableFields.length}: must have at most 8 items`,
    });
  for (const [i, { jsonPath }] of selectableFields.entries())
    errors.push(...pathErrors(`${path}.selectableFields[${i}].jsonPath`, jsonPath));
  return errors;
}

function pathErrors(field: string, path: string): Cause[] {
  if (!path.startsWith('.')) return [invalidValue(field, path, 'must be a simple json path starting with .')];
  try {
    compileJsonPath(path);
    return [];
  } catch (error) {
    return [invalidValue(field, path, `is an invalid JSONPath: ${(error as Error).message}`)];
  }
}

function conversionErrors(conversion: CustomResourceDefinition['spec']['conversion']): Cause[] {
  if (!conversion) return [];
  const { strategy, webhook } = conversion;
  const path = 'spec.conversion';
  if (strategy !== 'None' && strategy !== 'Webhook')
    return [notSupported(`${path}.strategy`, strategy, ['None', 'Webhook'])];
  if (strategy === 'None')
    return webhook
      ? [forbiddenField(`${path}.webhookClientConfig`, 'should not be set when strategy is not set to Webhook')]
      : [];
  const errors: Cause[] = [];
  const config = webhook?.clientConfig;
  if (!config) errors.push(required(`${path}.webhookClientConfig`, 'required when strategy is set to Webhook'));
  else if (!config.url === !config.service)
    errors.push(required(`${path}.webhookClientConfig`, 'exactly one of url or service is required'));
  const versions = webhook?.conversionReviewVersions ?? [];
  if (versions.length === 0) errors.push(required(`${path}.conversionReviewVersions`));
  else if (!versions.some((version) => version === 'v1' || version === 'v1beta1'))
    errors.push(invalidValue(`${path}.conversionReviewVersions`, versions, 'must include at least one of v1, v1beta1'));
  return errors;
}

/** Whether any rule is written in CEL: only then is its compiler needed. */
export function hasRules(schema: JsonSchema): boolean {
  let found = false;
  walkSchema(schema, '', (one) => {
    found ||= Boolean(one['x-kubernetes-validations']?.length);
  });
  return found;
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
