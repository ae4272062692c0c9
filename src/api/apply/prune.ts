import { isObject, type JsonObject, setOwn } from '../patch/json-value.ts';
import { type FieldSet, isMember } from './field-set.ts';
import { elementOf, type ListSchema, type MapSchema, type Schema, settle } from './schema.ts';

/**
 * The merged object without what the manager applied last time, does not apply now, and nobody else owns
 * (structured-merge-diff merge/update.go prune).
 *
 * @param last what the manager applied last time
 * @param owned what all managers own now, this one with its new configuration included
 */
export function prune(schema: Schema, merged: JsonObject, last: FieldSet, owned: FieldSet): JsonObject {
  return pruneValue(schema, merged, last, owned) as JsonObject;
}

function pruneValue(schema: Schema, value: unknown, last: FieldSet, owned: FieldSet | undefined): unknown {
  const type = settle(schema, value);
  if (type.kind === 'map' && isObject(value)) return pruneMap(type, value, last, owned);
  if (type.kind === 'list' && Array.isArray(value)) return pruneList(type, value, last, owned);
  return value;
}

function pruneMap(schema: MapSchema, map: JsonObject, last: FieldSet, owned: FieldSet | undefined): JsonObject {
  const result: JsonObject = {};
  for (const [name, value] of Object.entries(map)) {
    const element = `f:${name}`;
    const was = last[element];
    const declared = schema.field(name);
    const type = declared ?? schema.element;
    const is = owned?.[element];
    if (!was || !type) setOwn(result, name, value);
    else if (isGone(was, is, declared !== undefined)) continue;
    else setOwn(result, name, pruneValue(type, value, was, is));
  }
  return result;
}

function pruneList(schema: ListSchema, list: unknown[], last: FieldSet, owned: FieldSet | undefined): unknown[] {
  const result: unknown[] = [];
  for (const item of list) {
    const element = elementOf(schema, item);
    const was = last[element];
    const is = owned?.[element];
    if (!was) result.push(item);
    else if (!isGone(was, is, false)) result.push(pruneValue(schema.element, item, was, is));
  }
  return result;
}

/** A declared field counts as owned when anything in it is (fieldpath EnsureNamedFieldsAreMembers). */
function isGone(was: FieldSet, is: FieldSet | undefined, declared: boolean): boolean {
  if (declared) return is === undefined;
  return isMember(was) && !isMember(is);
}
