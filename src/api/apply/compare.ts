import { equalJson, isObject, type JsonObject } from '../patch/json-value.ts';
import { emptySet, type FieldSet, makeNode, sortElements } from './field-set.ts';
import { ElementError, elementOf, type ListSchema, type MapSchema, type Schema, settle } from './schema.ts';

/** Where two objects differ. */
export interface Comparison {
  /** Fields that were added or have another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** Compares two objects of one type (structured-merge-diff typed/compare.go). */
export function compareObjects(schema: Schema, old: JsonObject, next: JsonObject): Comparison {
  const found = compare(schema, old, next);
  return { changed: found?.changed ?? emptySet, removed: found?.removed ?? emptySet };
}

/** What was found at one path; a side that is undefined found nothing there. */
interface Found {
  changed: FieldSet | undefined;
  removed: FieldSet | undefined;
}

const added: Found = { changed: emptySet, removed: undefined };
const gone: Found = { changed: undefined, removed: emptySet };

/** undefined stands for a value that is not there. */
function compare(schema: Schema, old: unknown, next: unknown): Found | undefined {
  if (old === next) return undefined;
  const type = settle(schema, next === undefined || next === null ? old : next);
  const empty = isNothing(old) && isNothing(next);
  if (type.kind === 'map' && !empty && isMapOrNothing(old) && isMapOrNothing(next)) {
    return withSelf(compareMaps(type, asMap(old), asMap(next)), old, next);
  }
  if (type.kind === 'list' && !empty && isListOrNothing(old) && isListOrNothing(next)) {
    return withSelf(compareLists(type, asList(old), asList(next)), old, next);
  }
  if (old === undefined) return added;
  if (next === undefined) return gone;
  return equalJson(old, next) ? undefined : added;
}

/** A map or list that came or went is itself a member of what changed. */
function withSelf(below: Found | undefined, old: unknown, next: unknown): Found | undefined {
  if (old !== undefined && next !== undefined) return below;
  const { changed = emptySet, removed = emptySet } = below ?? {};
  return { changed: makeNode(old === undefined, changed), removed: makeNode(next === undefined, removed) };
}

class Collector {
  /** Path elements with what was found below them; undefined until something is. */
  #changed: Record<string, FieldSet> | undefined;
  #removed: Record<string, FieldSet> | undefined;

  add(element: string, found: Found): void {
    if (found.changed) {
      this.#changed ??= {};
      this.#changed[element] = found.changed;
    }
    if (found.removed) {
      this.#removed ??= {};
      this.#removed[element] = found.removed;
    }
  }

  get found(): Found | undefined {
    if (!this.#changed && !this.#removed) return undefined;
    return {
      changed: this.#changed && sortElements(this.#changed),
      removed: this.#removed && sortElements(this.#removed),
    };
  }
}

function compareMaps(schema: MapSchema, old: JsonObject | undefined, next: JsonObject | undefined): Found | undefined {
  const collector = new Collector();
  for (const name in next) compareMember(collector, schema, name, old, next);
  for (const name in old) if (next?.[name] === undefined) compareMember(collector, schema, name, old, next);
  for (const name of schema.implied.keys()) {
    if (old?.[name] === undefined && next?.[name] === undefined) compareMember(collector, schema, name, old, next);
  }
  return collector.found;
}

function compareMember(
  collector: Collector,
  schema: MapSchema,
  name: string,
  old: JsonObject | undefined,
  next: JsonObject | undefined,
): void {
  const type = schema.field(name) ?? schema.element;
  if (!type) return;
  const found = compare(type, member(schema, old, name), member(schema, next, name));
  if (found) collector.add(`f:${name}`, found);
}

function member(schema: MapSchema, map: JsonObject | undefined, name: string): unknown {
  if (!map) return undefined;
  const value = map[name];
  return value === undefined ? schema.implied.get(name) : value;
}

function compareLists(schema: ListSchema, old: unknown[], next: unknown[]): Found | undefined {
  const collector = new Collector();
  const before = indexElements(schema, old);
  const after = indexElements(schema, next);
  for (const [element, item] of after) {
    const found = compare(schema.element, before.get(element), item);
    if (found) collector.add(element, found);
  }
  for (const [element, item] of before) {
    if (after.has(element)) continue;
    const found = compare(schema.element, item, undefined);
    if (found) collector.add(element, found);
  }
  return collector.found;
}

/** Elements by path element; the first of equal ones counts, those that cannot be told apart are left out. */
function indexElements(schema: ListSchema, list: unknown[]): Map<string, unknown> {
  const index = new Map<string, unknown>();
  for (const item of list) {
    try {
      const element = elementOf(schema, item);
      if (!index.has(element)) index.set(element, item);
    } catch (error) {
      if (!(error instanceof ElementError)) throw error;
    }
  }
  return index;
}

const asMap = (value: unknown) => (isObject(value) ? value : undefined);
const asList = (value: unknown) => (Array.isArray(value) ? value : []);
const isMapOrNothing = (value: unknown) => value === undefined || value === null || isObject(value);
const isListOrNothing = (value: unknown) => value === undefined || value === null || Array.isArray(value);

/** Absent, null or empty: two such values are compared as one, which keeps {} and null apart from absent. */
function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'object') return false;
  for (const _ in value) return false;
  return true;
}
