import type { Cause } from '../status-error.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../validation/field-error.ts';
import { extraSchema, isMap, type JsonSchema, walkSchema } from './json-schema.ts';
import { prune } from './prune.ts';
import { compilePattern, validateValue } from './validate-value.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const metaFields = new Set(['metadata', 'kind', 'apiVersion']);

/** What is wrong with the schema of a custom resource: it must be structural (apiextensions-apiserver pkg/apis/apiextensions/validation). */
export function schemaErrors(schema: JsonSchema, path: string): Cause[] {
  const standard: Cause[] = [];
  walkSchema(schema, path, (one, at) => standard.push(...standardErrors(one, at), ...listErrors(one, at)));
  if (schema.nullable) standard.push(forbiddenField(`${path}.nullable`, 'nullable cannot be true at the root'));
  const structural = structuralErrors(schema, 'root', path);
  structural.sort((a, b) => (`${a.field}: ${a.message}` < `${b.field}: ${b.message}` ? -1 : 1));
  const errors = [...standard, ...structural];
  return errors.length > 0 ? errors : defaultErrors(schema, path);
}

/** What OpenAPI knows and Kubernetes does not take (specStandardValidatorV3). */
function standardErrors(schema: JsonSchema, path: string): Cause[] {
  const errors: Cause[] = [];
  const refuse = (field: string, why = `${field} is not supported`) =>
    errors.push(forbiddenField(`${path}.${field}`, why));
  if (schema.type === 'null') refuse('type', 'type cannot be set to null, use nullable as an alternative');
  else if (schema.type && !types.includes(schema.type)) errors.push(notSupported(`${path}.type`, schema.type, types));
  if (schema.id) refuse('id');
  if (schema.additionalItems !== undefined) refuse('additionalItems');
  if (Object.keys(schema.patternProperties ?? {}).length) refuse('patternProperties');
  if (Object.keys(schema.definitions ?? {}).length) refuse('definitions');
  if (schema.dependencies) refuse('dependencies');
  if (schema.$ref !== undefined) refuse('$ref');
  if (Array.isArray(schema.items)) refuse('items', 'items must be a schema object and not an array');
  if (schema.uniqueItems)
    refuse('uniqueItems', 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic');
  const extra = schema.additionalProperties;
  if (Object.keys(schema.properties ?? {}).length && (extra === false || typeof extra === 'object'))
    refuse('additionalProperties', 'additionalProperties and properties are mutual exclusive');
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    errors.push(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  if (schema.pattern) {
    try {
      compilePattern(schema.pattern);
    } catch (error) {
      const why = `must be a valid regular expression, but isn't: ${(error as Error).message}`;
      errors.push(invalidValue(`${path}.pattern`, schema.pattern, why));
    }
  }
  return errors;
}

function listErrors(schema: JsonSchema, path: string): Cause[] {
  const errors: Cause[] = [];
  const { type, items } = schema;
  const mapType = schema['x-kubernetes-map-type'];
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const mustBe = (wanted: string, why: string) =>
    errors.push(type ? invalidValue(`${path}.type`, type, why) : required(`${path}.type`, why)) && wanted;
  if (mapType !== undefined && type !== 'object')
    mustBe('object', 'must be object if x-kubernetes-map-type is specified');
  if (mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular')
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  if (listType !== undefined && type !== 'array')
    mustBe('array', 'must be array if x-kubernetes-list-type is specified');
  else if (listType === 'set' && items) {
    const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
    if (items.type === 'array' && (items['x-kubernetes-list-type'] ?? 'atomic') !== 'atomic')
      errors.push(invalidValue(`${path}.items.x-kubernetes-list-type`, items['x-kubernetes-list-type'], why));
    if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
      errors.push(invalidValue(`${path}.items.x-kubernetes-map-type`, items['x-kubernetes-map-type'], why));
  }
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType))
    errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']));
  const typeField = `${path}.x-kubernetes-list-type`;
  const keysField = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length > 0 && listType !== 'map') {
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(listType === undefined ? required(typeField, why) : invalidValue(typeField, listType, why));
  }
  if (listType !== 'map') return errors;
  if (keys.length === 0) errors.push(required(keysField, 'must not be empty if x-kubernetes-list-type is map'));
  if (!items) errors.push(required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'));
  else if (items.type !== 'object')
    errors.push(
      invalidValue(
        `${path}.items.type`,
        items.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  else errors.push(...mapKeyErrors(items, keys, path));
  return errors;
}

function mapKeyErrors(items: JsonSchema, keys: string[], path: string): Cause[] {
  const errors: Cause[] = [];
  const field = `${path}.x-kubernetes-list-map-keys`;
  for (const key of keys) {
    const property = items.properties?.[key];
    if (!property) errors.push(invalidValue(field, keys, 'entries must all be names of item properties'));
    else if (property.type === 'array' || property.type === 'object')
      errors.push(
        invalidValue(
          `${path}.items.properties[${key}].type`,
          items.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      );
    else if (property.default === undefined && !items.required?.includes(key))
      errors.push(
        required(
          `${path}.items.properties[${key}].default`,
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
  }
  if (new Set(keys).size < keys.length) errors.push(invalidValue(field, keys, 'must not contain duplicate entries'));
  return errors;
}

type Level = 'root' | 'item' | 'field';

const emptyType: Record<Level, string> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

/** pkg/apiserver/schema/validation.go ValidateStructural. */
function structuralErrors(schema: JsonSchema, level: Level, path: string): Cause[] {
  const errors: Cause[] = [];
  const { type, properties = {}, items } = schema;
  const embedded = schema['x-kubernetes-embedded-resource'];
  const intOrString = schema['x-kubernetes-int-or-string'];
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'];
  if (type === 'array' && !items) errors.push(required(`${path}.items`, 'must be specified'));
  if (items) errors.push(...structuralErrors(items, 'item', `${path}.items`));
  for (const [name, one] of Object.entries(properties))
    errors.push(...structuralErrors(one, 'field', `${path}.properties[${name}]`));
  if (schema.additionalProperties !== undefined && level === 'root')
    errors.push(forbiddenField(`${path}.additionalProperties`, 'must not be used at the root'));
  const extra = extraSchema(schema);
  if (extra) errors.push(...structuralErrors(extra, 'field', `${path}.additionalProperties`));
  if (intOrString && keepsUnknown)
    errors.push(
      invalidValue(
        `${path}.x-kubernetes-preserve-unknown-fields`,
        true,
        'must be false if x-kubernetes-int-or-string is true',
      ),
    );
  if (intOrString && embedded)
    errors.push(
      invalidValue(
        `${path}.x-kubernetes-embedded-resource`,
        true,
        'must be false if x-kubernetes-int-or-string is true',
      ),
    );
  errors.push(...junctorErrors(schema, path, isIntOrString(schema.anyOf), isIntOrString(schema.allOf?.[0]?.anyOf)));
  errors.push(...completenessErrors(schema, schema, path));
  if (embedded && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type ? invalidValue(`${path}.type`, type, why) : required(`${path}.type`, why));
  } else if (!type && !intOrString && !keepsUnknown) errors.push(required(`${path}.type`, emptyType[level]));
  if (level === 'root' && type && type !== 'object')
    errors.push(invalidValue(`${path}.type`, type, 'must be object at the root'));
  if (embedded && schema.additionalProperties !== undefined)
    errors.push(
      forbiddenField(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'),
    );
  if (embedded && !keepsUnknown && Object.keys(properties).length === 0)
    errors.push(
      required(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
  if (level === 'root' || embedded) errors.push(...metadataErrors(properties, level, path));
  return errors;
}

function metadataErrors(properties: Record<string, JsonSchema>, level: Level, path: string): Cause[] {
  const errors: Cause[] = [];
  for (const [name, type] of [
    ['kind', 'string'],
    ['apiVersion', 'string'],
    ['metadata', 'object'],
  ] as const) {
    const own = properties[name];
    if (own && own.type !== type)
      errors.push(invalidValue(`${path}.properties[${name}].type`, own.type ?? '', `must be ${type}`));
  }
  const { metadata } = properties;
  if (metadata && level === 'root') {
    const { type: _type, description: _description, properties: inner = {}, ...others } = metadata;
    const onlyNames = Object.keys(inner).every((name) => name === 'name' || name === 'generateName');
    if (!onlyNames || Object.keys(others).length > 0)
      errors.push(
        forbiddenField(
          `${path}.properties[metadata]`,
          'must not specify anything other than name and generateName, but metadata is implicitly specified',
        ),
      );
  }
  return errors;
}

function isIntOrString(anyOf: JsonSchema[] | undefined): boolean {
  return JSON.stringify(anyOf) === '[{"type":"integer"},{"type":"string"}]';
}

/** Below allOf, anyOf, oneOf and not only values may be judged. */
function junctorErrors(schema: JsonSchema, path: string, skipAnyOf: boolean, skipFirstAllOf: boolean): Cause[] {
  const errors: Cause[] = [];
  const nested = (one: JsonSchema, at: string, skip = false) => errors.push(...nestedErrors(one, at, skip));
  if (!skipAnyOf) for (const [i, one] of (schema.anyOf ?? []).entries()) nested(one, `${path}.anyOf[${i}]`);
  for (const [i, one] of (schema.allOf ?? []).entries()) nested(one, `${path}.allOf[${i}]`, skipFirstAllOf && i === 0);
  for (const [i, one] of (schema.oneOf ?? []).entries()) nested(one, `${path}.oneOf[${i}]`);
  if (schema.not) nested(schema.not, `${path}.not`);
  return errors;
}

const forbiddenInside: Record<string, string> = {
  type: 'must be empty to be structural',
  additionalProperties: 'must be undefined to be structural',
  default: 'must be undefined to be structural',
  title: 'must be empty to be structural',
  description: 'must be empty to be structural',
  nullable: 'must be false to be structural',
  'x-kubernetes-preserve-unknown-fields': 'must be false to be structural',
  'x-kubernetes-embedded-resource': 'must be false to be structural',
  'x-kubernetes-int-or-string': 'must be false to be structural',
  'x-kubernetes-list-map-keys': 'must be empty to be structural',
  'x-kubernetes-list-type': 'must be undefined to be structural',
  'x-kubernetes-map-type': 'must be undefined to be structural',
  'x-kubernetes-validations': 'must be empty to be structural',
};

function nestedErrors(schema: JsonSchema, path: string, skipAnyOf: boolean): Cause[] {
  const errors = junctorErrors(schema, path, skipAnyOf, false);
  if (schema.items) errors.push(...nestedErrors(schema.items, `${path}.items`, false));
  for (const [name, one] of Object.entries(schema.properties ?? {}))
    errors.push(...nestedErrors(one, `${path}.properties[${name}]`, false));
  for (const [field, why] of Object.entries(forbiddenInside)) {
    const value = (schema as Record<string, unknown>)[field];
    if (value !== undefined && value !== '' && value !== false) errors.push(forbiddenField(`${path}.${field}`, why));
  }
  if (schema.properties?.metadata)
    errors.push(forbiddenField(`${path}.properties[metadata]`, 'must not be specified in a nested context'));
  return errors;
}

/** Every field that a junctor speaks of must be specified outside of it (pkg/apiserver/schema/complete.go). */
function completenessErrors(schema: JsonSchema, junction: JsonSchema, path: string): Cause[] {
  const errors: Cause[] = [];
  const visit = (inner: JsonSchema, outer: JsonSchema | undefined, at: string) => {
    if (!outer) {
      errors.push(required(at, `because it is defined in ${at}`));
      return;
    }
    for (const [name, one] of Object.entries(inner.properties ?? {})) {
      const own = outer.properties?.[name] ?? extraSchema(outer);
      if (own) visit(one, own, `${at}.properties[${name}]`);
      else errors.push(required(`${path}.properties[${name}]`, `because it is defined in ${at}.properties[${name}]`));
    }
    if (inner.items) {
      if (outer.items) visit(inner.items, outer.items, `${at}.items`);
      else errors.push(required(`${path}.items`, `because it is defined in ${at}.items`));
    }
    for (const key of ['allOf', 'anyOf', 'oneOf'] as const)
      for (const [i, one] of (inner[key] ?? []).entries()) visit(one, outer, `${at}.${key}[${i}]`);
    if (inner.not) visit(inner.not, outer, `${at}.not`);
  };
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const)
    for (const [i, one] of (junction[key] ?? []).entries()) visit(one, schema, `${path}.${key}[${i}]`);
  if (junction.not) visit(junction.not, schema, `${path}.not`);
  return errors;
}

/** Defaults must be pruned and valid (pkg/apiserver/schema/defaulting/validation.go). */
function defaultErrors(schema: JsonSchema, path: string, depth = 0): Cause[] {
  const errors: Cause[] = [];
  walkSchema(schema, path, (one, at) => {
    if (one.default === undefined) return;
    const field = `${at}.default`;
    if (depth === 0 && [...metaFields].some((name) => at.startsWith(`${path}.properties[${name}]`))) {
      const name = [...metaFields].find((own) => at.startsWith(`${path}.properties[${own}]`));
      errors.push(forbiddenField(field, `must not be set in top-level ${name}`));
      return;
    }
    const copy = structuredClone(one.default);
    if (isMap(copy) || Array.isArray(copy)) {
      const removed = prune(copy, one, Boolean(one['x-kubernetes-embedded-resource']));
      if (removed.length > 0) errors.push(invalidValue(field, one.default, 'must not have unknown fields'));
    }
    if (one.default === null && !one.nullable) {
      errors.push(invalidValue(field, null, 'must not be null'));
      return;
    }
    errors.push(...validateValue(one, one.default, field));
  });
  return errors;
}
