import { factsSchema } from '../../api/apply/facts-schema.ts';
import { customResourceSchema } from '../../api/apply/openapi-schema.ts';
import type { MapSchema } from '../../api/apply/schema.ts';
import { decodeObject, undecodable } from '../../api/decode.ts';
import type { CustomResourceDefinitionVersion } from '../../api/generated/apiextensions-v1.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/object.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import type { Cause } from '../../api/status-error.ts';
import { customColumns } from '../../api/structural/custom-columns.ts';
import { applySchemaDefaults, dropNulls } from '../../api/structural/default-values.ts';
import { embeddedErrors } from '../../api/structural/embedded-resources.ts';
import { compileJsonPath } from '../../api/structural/json-path.ts';
import type { JsonSchema } from '../../api/structural/json-schema.ts';
import { listTypeErrors } from '../../api/structural/list-types.ts';
import { prune } from '../../api/structural/prune.ts';
import { validateValue } from '../../api/structural/validate-value.ts';
import { invalidValue, sameValue } from '../../api/validation/field-error.ts';
import { validateMetadata, validateMetadataUpdate } from '../../api/validation/metadata.ts';
import type { Strategy } from '../strategy.ts';

/** Judges an object by the CEL rules of its schema. */
export type Rules = (object: KubeObject, old: KubeObject | undefined, warn?: (message: string) => void) => Cause[];

export interface CustomStrategyOptions {
  info: ResourceInfo;
  version: CustomResourceDefinitionVersion;
  /** Whether unknown fields are kept everywhere (spec.preserveUnknownFields, of old definitions). */
  preserveUnknownFields: boolean;
  rules: Rules | undefined;
}

/** How a custom resource is served: by its schema (apiextensions-apiserver pkg/registry/customresource). */
export function customStrategy({ info, version, preserveUnknownFields, rules }: CustomStrategyOptions): Strategy {
  const schema = version.schema?.openAPIV3Schema as JsonSchema | undefined;
  const hasStatus = Boolean(version.subresources?.status);
  const columns = customColumns(version.additionalPrinterColumns);
  const judge = (object: KubeObject, old?: KubeObject, warn?: (message: string) => void): Cause[] => {
    const errors = schema ? validateValue(schema, object, '', old) : [];
    errors.push(...listTypeErrors(schema, object), ...embeddedErrors(schema, object), ...scaleErrors(version, object));
    if (!rules) return errors;
    // Rules may rely on types: they are not tried on what has wrong ones.
    return errors.length === 0 ? rules(object, old, warn) : [...errors, unchecked];
  };
  return {
    decode(value, fieldValidation, duplicates) {
      const object = value as KubeObject;
      const { metadata, unknown, errors } = decodeMetadata(object.metadata);
      if (errors.length > 0) throw undecodable(info, errors);
      const decoded = { ...structuredClone(object), metadata } as KubeObject;
      if (!preserveUnknownFields) unknown.push(...prune(decoded, schema, true));
      const told = [...unknown.map((path) => `unknown field "${path}"`), ...(duplicates?.() ?? [])];
      if (told.length === 0 || fieldValidation === 'Ignore') return { object: decoded, warnings: [] };
      if (fieldValidation === 'Strict') throw undecodable(info, [`strict decoding error: ${told.join(', ')}`]);
      return { object: decoded, warnings: told };
    },
    defaults(object) {
      applySchemaDefaults(object, schema);
      dropNulls(object, schema);
    },
    resetStatus: (object) => void delete (object as Fields).status,
    validateCreate: (object) => [...validateMetadata(object.metadata, info.namespaced), ...judge(object)],
    validateUpdate: (object, old, warn) => [
      ...validateMetadataUpdate(object.metadata, old.metadata),
      ...judge(object, old, warn),
    ],
    validateStatusUpdate: (object, old, warn) => [
      ...validateMetadataUpdate(object.metadata, old.metadata),
      ...judge(object, old, warn),
    ],
    schema: customResourceSchema(schema, factsSchema('meta/v1.ObjectMeta') as MapSchema),
    columns,
    kind: kindOf(version),
    hasStatus,
    hasGeneration: true,
    isNewGeneration: (object, old) => !sameValue(specOf(object, hasStatus), specOf(old, hasStatus)),
    unconditionalUpdate: false,
    createOnUpdate: false,
    returnsDeleted: false,
    ttlSeconds: undefined,
    orphansByDefault: false,
    mergePatch: 'unsupported',
  };
}

type Fields = KubeObject & Record<string, unknown>;

const unchecked = invalidValue(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

/** Metadata is of the same type everywhere. */
function decodeMetadata(value: unknown): { metadata: object; unknown: string[]; errors: string[] } {
  if (value === undefined || value === null) return { metadata: {}, unknown: [], errors: [] };
  const { object, warnings, errors } = decodeObject('meta/v1.ObjectMeta', value);
  const unknown = warnings.flatMap((warning) => /^unknown field "(.*)"$/.exec(warning)?.[1] ?? []);
  return { metadata: object, unknown: unknown.map((path) => `metadata.${path}`), errors };
}

/** What makes a generation: all but metadata, and status where only /status writes it. */
function specOf(object: KubeObject, hasStatus: boolean): object {
  const { metadata: _metadata, apiVersion: _apiVersion, ...rest } = object as Fields;
  if (hasStatus) delete (rest as Partial<Fields>).status;
  return rest;
}

function kindOf({ selectableFields = [] }: CustomResourceDefinitionVersion): Kind {
  const fields = selectableFields.map(({ jsonPath }) => {
    const path = compileJsonPath(jsonPath);
    const read = (object: KubeObject) => {
      const [value] = path(object);
      return value === undefined || value === null ? '' : String(value);
    };
    return [jsonPath.replace(/^\./, ''), read] as const;
  });
  return { type: '', ...(fields.length > 0 ? { selectableFields: Object.fromEntries(fields) } : {}) };
}

/** Numbers of replicas are not negative (customResourceValidator ValidateScaleSpec, ValidateScaleStatus). */
function scaleErrors({ subresources }: CustomResourceDefinitionVersion, object: KubeObject): Cause[] {
  const { scale } = subresources ?? {};
  if (!scale) return [];
  return [scale.specReplicasPath, scale.statusReplicasPath].flatMap((path) => {
    const [value] = compileJsonPath(path)(object);
    if (typeof value !== 'number') return [];
    if (value < 0) return [invalidValue(path, value, 'should be a non-negative integer')];
    return value > 2 ** 31 - 1 ? [invalidValue(path, value, 'should be less than or equal to 2147483647')] : [];
  });
}
