import type { Cause } from '../status-error.ts';
import { invalidValue, notSupported, required, sameValue, tooLong, tooMany } from '../validation/field-error.ts';
import { formatProblem } from './formats.ts';
import { childPath, extraSchema, fieldSchema, isMap, type JsonMap, type JsonSchema } from './json-schema.ts';

/**
 * What is wrong with a value by its schema, in the words of kube-openapi pkg/validation as apiextensions-apiserver
 * pkg/apiserver/validation passes them on. With `old`, what has not changed is not judged again (KEP-4008, ratcheting).
 */
export function validateValue(schema: JsonSchema, value: unknown, path = '', old?: unknown): Cause[] {
  if (old !== undefined && path !== '' && sameValue(value, old)) return [];
  if (value === null) return schema.nullable ? [] : typeErrors(schema, value, path);
  const wrongType = typeErrors(schema, value, path);
  if (wrongType.length > 0) return wrongType;
  const errors = [...enumErrors(schema, value, path)];
  if (typeof value === 'string') errors.push(...stringErrors(schema, value, path));
  else if (typeof value === 'number') errors.push(...numberErrors(schema, value, path));
  else if (Array.isArray(value)) errors.push(...listErrors(schema, value, path, old));
  else if (isMap(value)) errors.push(...objectErrors(schema, value, path, old));
  errors.push(...combinationErrors(schema, value, path));
  return errors;
}

function typeErrors(schema: JsonSchema, value: unknown, path: string): Cause[] {
  const allowed = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : schema.type ? [schema.type] : [];
  if (allowed.length === 0) return [];
  const actual = typeOf(value);
  if (allowed.includes(actual) || (actual === 'integer' && allowed.includes('number'))) return [];
  return [
    invalidValue(path, actual, `${path} in body must be of type ${allowed.join(',')}: ${JSON.stringify(actual)}`),
  ];
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'object' ? 'object' : typeof value;
}

function enumErrors(schema: JsonSchema, value: unknown, path: string): Cause[] {
  if (!schema.enum?.length || schema.enum.some((one) => sameValue(one, value) && typeof one === typeof value))
    return [];
  const allowed = schema.enum.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return [notSupported(path, value, allowed)];
}

function stringErrors(schema: JsonSchema, value: string, path: string): Cause[] {
  const errors: Cause[] = [];
  const { maxLength, minLength, pattern, format } = schema;
  const length = [...value].length;
  if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength));
  if (minLength !== undefined && length < minLength)
    errors.push(invalidValue(path, value, `${path} in body should be at least ${minLength} chars long`));
  if (pattern && !regularExpression(pattern).test(value))
    errors.push(invalidValue(path, value, `${path} in body should match '${pattern}'`));
  if (format && formatProblem(format, value))
    errors.push(invalidValue(path, value, `${path} in body must be of type ${format}: ${JSON.stringify(value)}`));
  return errors;
}

function numberErrors(schema: JsonSchema, value: number, path: string): Cause[] {
  const errors: Cause[] = [];
  const refuse = (what: string) => errors.push(invalidValue(path, value, `${path} in body should be ${what}`));
  const { maximum, minimum, multipleOf, exclusiveMaximum, exclusiveMinimum } = schema;
  if (multipleOf && !Number.isInteger(value / multipleOf)) refuse(`a multiple of ${multipleOf}`);
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum))
    refuse(`less than${exclusiveMaximum ? '' : ' or equal to'} ${maximum}`);
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum))
    refuse(`greater than${exclusiveMinimum ? '' : ' or equal to'} ${minimum}`);
  const range = schema.format === 'int32' ? 2 ** 31 : 0;
  if (range && (value >= range || value < -range)) refuse(`a valid int32`);
  return errors;
}

function listErrors(schema: JsonSchema, value: unknown[], path: string, old: unknown): Cause[] {
  const errors: Cause[] = [];
  const { maxItems, minItems } = schema;
  if (minItems !== undefined && value.length < minItems)
    errors.push(invalidValue(path, value.length, `${path} in body should have at least ${minItems} items`));
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems));
  if (!schema.items) return errors;
  const before = correlated(schema, old);
  for (const [i, item] of value.entries())
    errors.push(...validateValue(schema.items, item, `${path}[${i}]`, before(item)));
  return errors;
}

/** Only elements of list maps can be told apart, so only they have an old value. */
function correlated(schema: JsonSchema, old: unknown): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || !keys || !Array.isArray(old)) return () => undefined;
  const id = (item: unknown) => JSON.stringify(keys.map((key) => (isMap(item) ? item[key] : undefined)));
  const byKey = new Map(old.map((item) => [id(item), item]));
  return (item) => byKey.get(id(item));
}

function objectErrors(schema: JsonSchema, value: JsonMap, path: string, old: unknown): Cause[] {
  const errors: Cause[] = [];
  const { maxProperties, minProperties } = schema;
  const keys = Object.keys(value);
  if (minProperties !== undefined && keys.length < minProperties)
    errors.push(invalidValue(path, keys.length, `${path} in body should have at least ${minProperties} properties`));
  if (maxProperties !== undefined && keys.length > maxProperties)
    errors.push(tooMany(path, keys.length, maxProperties));
  for (const name of schema.required ?? [])
    if (!Object.hasOwn(value, name)) errors.push(required(childPath(path, name)));
  for (const key of keys) {
    const own = fieldSchema(schema, key);
    if (!own) continue;
    // Metadata of resources has been judged as that of every object.
    if (path === '' && (key === 'metadata' || key === 'kind' || key === 'apiVersion') && own !== extraSchema(schema)) {
      if (key === 'metadata') errors.push(...metadataErrors(own, value[key]));
      continue;
    }
    errors.push(...validateValue(own, value[key], childPath(path, key), isMap(old) ? old[key] : undefined));
  }
  return errors;
}

/** A schema may restrict name and generateName. */
function metadataErrors(schema: JsonSchema, metadata: unknown): Cause[] {
  if (!isMap(metadata)) return [];
  return ['name', 'generateName'].flatMap((field) => {
    const own = schema.properties?.[field];
    return own && typeof metadata[field] === 'string' ? validateValue(own, metadata[field], `metadata.${field}`) : [];
  });
}

/** allOf, anyOf, oneOf and not. Their own errors have no field, as they have none in Kubernetes. */
function combinationErrors(schema: JsonSchema, value: unknown, path: string): Cause[] {
  const errors: Cause[] = [];
  const fail = (what: string) => errors.push(invalidValue('<nil>', '', `${JSON.stringify(path)} must ${what}`));
  const failuresOf = (schemas: JsonSchema[]) => schemas.map((one) => validateValue(one, value, path));
  if (schema.anyOf?.length && !schema['x-kubernetes-int-or-string']) {
    const failures = failuresOf(schema.anyOf);
    if (failures.every((one) => one.length > 0)) {
      fail('validate at least one schema (anyOf)');
      errors.push(...shortest(failures));
    }
  }
  if (schema.oneOf?.length) {
    const failures = failuresOf(schema.oneOf);
    const valid = failures.filter((one) => one.length === 0).length;
    if (valid !== 1) {
      fail(
        `validate one and only one schema (oneOf). ${valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`}`,
      );
      if (valid === 0) errors.push(...shortest(failures));
    }
  }
  if (schema.allOf?.length) {
    const failures = failuresOf(schema.allOf).filter((one) => one.length > 0);
    if (failures.length > 0) {
      fail(`validate all the schemas (allOf)${failures.length === schema.allOf.length ? '. None validated' : ''}`);
      errors.push(...failures.flat());
    }
  }
  if (schema.not && validateValue(schema.not, value, path).length === 0) fail('not validate the schema (not)');
  return errors;
}

const shortest = (failures: Cause[][]) => failures.reduce((a, b) => (b.length < a.length ? b : a));

const expressions = new Map<string, RegExp>();

/** Go's syntax in JavaScript: flags at the start, and \\z. */
function regularExpression(pattern: string): RegExp {
  let compiled = expressions.get(pattern);
  if (!compiled) {
    compiled = compilePattern(pattern);
    if (expressions.size > 2000) expressions.clear();
    expressions.set(pattern, compiled);
  }
  return compiled;
}

/** Throws on what is no regular expression. */
export function compilePattern(pattern: string): RegExp {
  const [, flags = '', rest = pattern] = /^\(\?([ims]+)\)(.*)$/s.exec(pattern) ?? [];
  const text = rest.replaceAll('\\z', '$').replaceAll('\\A', '^').replaceAll('(?P<', '(?<');
  try {
    return new RegExp(text, `u${flags}`);
  } catch {
    return new RegExp(text, flags);
  }
}
