import { isObject, type JsonObject } from '../patch/json-value.ts';
import { emptySet, type FieldSet, makeNode, sortElements } from './field-set.ts';
import {
  ElementError,
  elementOf,
  type ListSchema,
  type MapSchema,
  type ScalarSchema,
  type Schema,
  settle,
} from './schema.ts';

/** The fields that a configuration sets, and what is wrong with it. */
export interface ConfigurationSet {
  set: FieldSet;
  /** Such as '.spec.foo: field not declared in schema'. */
  errors: string[];
}

/** Checks a configuration and lists its fields (structured-merge-diff typed/validate.go, tofieldset.go). */
export function configurationSet(schema: Schema, configuration: JsonObject): ConfigurationSet {
  const errors: string[] = [];
  return { set: visit(schema, configuration, '', errors) ?? emptySet, errors };
}

/** The text of errors as the server puts them together. */
export function joinErrors(errors: string[]): string {
  return errors.length === 1 ? errors[0]! : ['errors:', ...errors.map((error) => `  ${error}`)].join('\n');
}

/** The fields below and at this value. A granular map or list is no field of its own: only what is in it. */
function visit(schema: Schema, value: unknown, path: string, errors: string[]): FieldSet | undefined {
  const type = settle(schema, value);
  const problem = typeProblem(type, value);
  if (problem) {
    errors.push(`${path}: ${problem}`);
    return undefined;
  }
  if (type.kind === 'map') return isObject(value) ? visitMap(type, value, path, errors) : undefined;
  if (type.kind === 'list') return Array.isArray(value) ? visitList(type, value, path, errors) : undefined;
  return emptySet;
}

function visitMap(schema: MapSchema, map: JsonObject, path: string, errors: string[]): FieldSet | undefined {
  const children: Record<string, FieldSet> = {};
  for (const name of Object.keys(map)) {
    const declared = schema.field(name);
    const type = declared ?? schema.element;
    const at = `${path}.${name}`;
    if (!type) {
      errors.push(`${at}: field not declared in schema`);
      continue;
    }
    const below = visit(type, map[name], at, errors);
    // Keys of a map are members themselves, fields of a struct only through what is in them.
    const node = declared ? below : makeNode(true, below ?? emptySet);
    if (node) children[`f:${name}`] = node;
  }
  return Object.keys(children).length > 0 ? sortElements(children) : undefined;
}

function visitList(schema: ListSchema, list: unknown[], path: string, errors: string[]): FieldSet | undefined {
  const children: Record<string, FieldSet> = {};
  list.forEach((item, index) => {
    try {
      const element = elementOf(schema, item);
      const at = path + elementText(element);
      if (children[element]) errors.push(`${path}: duplicate entries for key ${elementText(element)}`);
      children[element] = makeNode(true, visit(schema.element, item, at, errors) ?? emptySet)!;
    } catch (error) {
      if (!(error instanceof ElementError)) throw error;
      errors.push(`${path}: element ${index}: ${error.message}`);
    }
  });
  return Object.keys(children).length > 0 ? sortElements(children) : undefined;
}

function elementText(element: string): string {
  const content = element.slice(2);
  if (element.startsWith('v:')) return `[=${content}]`;
  const keys = Object.entries(JSON.parse(content) as JsonObject);
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}

function typeProblem(type: Exclude<Schema, { kind: 'deduced' }>, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (type.kind === 'scalar') return scalarProblem(type, value);
  const wanted = type.kind === 'atomic' ? type.of : type.kind;
  const fits = wanted === 'map' ? isObject(value) : Array.isArray(value);
  return fits ? undefined : `expected ${wanted}, got ${goValueText(value)}`;
}

function scalarProblem({ type }: ScalarSchema, value: unknown): string | undefined {
  if (type === 'numeric' && typeof value !== 'number')
    return 'expected numeric (int or float), got value.valueUnstructured';
  if (type === 'string' && typeof value !== 'string') return `expected string, got ${goValueText(value)}`;
  if (type === 'boolean' && typeof value !== 'boolean') return `expected boolean, got ${goValueText(value)}`;
  return undefined;
}

/** Go prints the wrapped value with %#v. */
function goValueText(value: unknown): string {
  return `&value.valueUnstructured{Value:${typeof value === 'object' ? 'map[string]interface {}' : JSON.stringify(value)}}`;
}
