import { isObject, type JsonObject, setOwn } from '../patch/json-value.ts';
import { elementOf, type ListSchema, type MapSchema, type Schema, settle } from './schema.ts';

/** The live object with a configuration laid over it (structured-merge-diff typed/merge.go). Shares unchanged parts. */
export function mergeConfiguration(schema: Schema, live: JsonObject, configuration: JsonObject): JsonObject {
  return merge(schema, live, configuration) as JsonObject;
}

/** `next` is what the configuration says: undefined where it says nothing. */
function merge(schema: Schema, old: unknown, next: unknown): unknown {
  if (next === undefined) return old;
  const type = settle(schema, next);
  if (type.kind === 'map' && isObject(next) && isObject(old)) return mergeMaps(type, old, next);
  if (type.kind === 'list' && Array.isArray(next) && Array.isArray(old)) return mergeLists(type, old, next);
  return next;
}

function mergeMaps(schema: MapSchema, old: JsonObject, next: JsonObject): JsonObject {
  const result: JsonObject = { ...old };
  for (const [name, value] of Object.entries(next)) {
    const type = schema.field(name) ?? schema.element;
    const before = Object.hasOwn(old, name) ? old[name] : undefined;
    const merged = type ? merge(type, before, value) : value;
    if (merged === null && schema.field(name)) delete result[name];
    else setOwn(result, name, merged);
  }
  return result;
}

/**
 * Elements of both lists, each once, in the order of the configuration; what only the live list has stays where it was
 * between the elements that both have (typed/merge.go visitListItems).
 */
function mergeLists(schema: ListSchema, old: unknown[], next: unknown[]): unknown[] {
  const before = index(schema, old);
  const after = index(schema, next);
  const oldOrder = [...before.keys()];
  const newOrder = [...after.keys()];
  const shared = newOrder.filter((element) => before.has(element));
  const result: unknown[] = [];
  let left = 0;
  let right = 0;
  while (left < oldOrder.length || right < newOrder.length) {
    const mine = oldOrder[left];
    const theirs = newOrder[right];
    if (mine !== undefined && mine === theirs) {
      result.push(merge(schema.element, before.get(mine), after.get(mine)));
      left++;
      right++;
      shared.shift();
    } else if (
      mine !== undefined &&
      theirs !== undefined &&
      after.has(mine) &&
      shared.length > 0 &&
      shared[0] !== mine
    ) {
      left++;
    } else if (mine !== undefined && !after.has(mine)) {
      result.push(before.get(mine));
      left++;
    } else if (theirs !== undefined) {
      result.push(merge(schema.element, before.get(theirs), after.get(theirs)));
      right++;
      if (shared[0] === theirs) shared.shift();
    } else left++;
  }
  return result;
}

function index(schema: ListSchema, list: unknown[]): Map<string, unknown> {
  const elements = new Map<string, unknown>();
  for (const item of list) {
    const element = elementOf(schema, item);
    if (!elements.has(element)) elements.set(element, item);
  }
  return elements;
}
