import { type FieldFacts, type ParsedType, typeFacts } from '../facts.ts';
import { badRequest } from '../status-error.ts';
import {
  deletePrefix,
  goTypeOf,
  goValue,
  hasPatchDirective,
  orderPrefix,
  patchDirective,
  retainKeysDirective,
  withoutDirectives,
} from './directives.ts';
import { cloneJson, isObject, type JsonObject, setOwn } from './json-value.ts';
import { mergeLists, orderBySetElementOrder } from './merge-lists.ts';
import { goJsonType, unclassified } from './patch-error.ts';

/**
 * The object after a strategic merge patch (apimachinery pkg/util/strategicpatch): lists merge by the keys that the
 * facts of `type` name, and $patch, $retainKeys, $deleteFromPrimitiveList and $setElementOrder are obeyed. `original`
 * and `patch` stay as they are. Custom resources have no facts: refuse their patch with 415 before.
 */
export function applyStrategicMergePatch(type: string, original: JsonObject, patch: unknown): JsonObject {
  if (!typeFacts(type)) throw badRequest('strategic merge patch format is not supported');
  if (!isObject(patch)) {
    const text = `json: cannot unmarshal ${goJsonType(patch)} into Go value of type map[string]interface {}`;
    throw badRequest(`error decoding patch: ${text}`);
  }
  return mergeMap(cloneJson(original), cloneJson(patch), { kind: 'struct', name: type });
}

/** Merges `patch` into `original`, both owned by this patch; `type` is theirs. */
function mergeMap(original: JsonObject, patch: JsonObject, type: ParsedType): JsonObject {
  if (Object.hasOwn(patch, patchDirective)) return wholeMap(patch);
  retainOnly(original, patch);
  orderLists(original, patch, type);
  for (const [key, value] of Object.entries(patch)) {
    const deletion = key.startsWith(deletePrefix);
    const name = deletion ? afterSlash(key, deletePrefix) : key;
    if (value === null) delete original[name];
    else if (!Object.hasOwn(original, name)) {
      // A deletion from a list that is not there has nothing to do.
      if (!deletion && !hasPatchDirective(value)) setOwn(original, name, withoutDirectives(value));
    } else setOwn(original, name, mergeValue(original[name], value, name, type, deletion));
  }
  return original;
}

function mergeValue(old: unknown, value: unknown, name: string, type: ParsedType, deletion: boolean): unknown {
  if (isObject(old) && isObject(value)) {
    const { type: inner, strategy } = memberFacts(type, name);
    return strategy === 'replace' ? withoutDirectives(value) : mergeMap(old, value, inner);
  }
  if (Array.isArray(old) && Array.isArray(value)) {
    const { type: list, strategy, mergeKey } = memberFacts(type, name);
    const element = elementType(list, type);
    const mergeElement = (item: JsonObject, change: JsonObject) => mergeMap(item, change, element);
    if (strategy === 'merge') return mergeLists(old, value, { mergeKey, mergeElement }, deletion);
    return withoutDirectives(value);
  }
  return deletion ? old : withoutDirectives(value);
}

/** `$patch` in a map speaks of the whole map. */
function wholeMap(patch: JsonObject): JsonObject {
  const { [patchDirective]: action, ...rest } = patch;
  if (action === 'replace') return withoutDirectives(rest) as JsonObject;
  if (action === 'delete') return {};
  throw unclassified(`unknown patch type: ${goValue(action)} in map: ${goValue(patch)}`);
}

/** `$retainKeys` drops every key of the original that it does not name; the patch may set only what it names. */
function retainOnly(original: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, retainKeysDirective)) return;
  const list = patch[retainKeysDirective];
  delete patch[retainKeysDirective];
  if (!Array.isArray(list)) throw badRequest('invalid patch format of retainKeys');
  const retained = new Set<unknown>(list);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue;
    if (!retained.has(key)) throw badRequest('invalid patch format of retainKeys');
  }
  for (const key of Object.keys(original)) if (!retained.has(key)) delete original[key];
}

/** `$setElementOrder/x` merges list x and orders it; both leave the patch. */
function orderLists(original: JsonObject, patch: JsonObject, type: ParsedType): void {
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix)) continue;
    delete patch[key];
    if (!Array.isArray(order)) throw wrongType(order);
    const name = afterSlash(key, orderPrefix);
    const old = listOrUndefined(original, name);
    const changes = listOrUndefined(patch, name);
    const { type: list, strategy, mergeKey } = memberFacts(type, name);
    if (!old && !changes) continue;
    const element = elementType(list, type);
    const mergeElement = (item: JsonObject, change: JsonObject) => mergeMap(item, change, element);
    const merges = strategy === 'merge';
    const merged = orderBySetElementOrder({ old, changes, order, mergeKey, mergeElement, merges });
    setOwn(original, name, merged);
    delete patch[name];
  }
}

function listOrUndefined(map: JsonObject, name: string): unknown[] | undefined {
  if (!Object.hasOwn(map, name)) return undefined;
  const value = map[name];
  if (value !== null && !Array.isArray(value)) throw wrongType(value);
  return value ?? undefined;
}

function wrongType(actual: unknown): Error {
  return unclassified(`expected a []interface {}, but received a ${goTypeOf(actual)}`);
}

interface MemberFacts {
  type: ParsedType;
  strategy: string;
  mergeKey: string;
}

/** Type and patch facts of a member (strategicpatch PatchMetaFromStruct). 'retainKeys' alone is no list strategy. */
function memberFacts(type: ParsedType, name: string): MemberFacts {
  if (type.kind === 'map') return { type: type.of, strategy: '', mergeKey: '' };
  if (type.kind !== 'struct') {
    const kind = type.kind === 'list' ? 'slice' : type.name === 'raw' || type.name === 'json' ? 'struct' : type.name;
    if (kind !== 'struct') {
      throw unclassified(`merging an object in json but data type is not struct, instead is: ${kind}`);
    }
    throw unknownField(type.kind === 'scalar' && type.name === 'raw' ? 'RawExtension' : 'JSON', name);
  }
  const field = typeFacts(type.name)?.fields.get(name);
  if (!field) throw unknownField(type.name.slice(type.name.indexOf('.') + 1), name);
  return { type: field.parsed, strategy: listStrategy(field), mergeKey: field.patchMergeKey ?? '' };
}

function unknownField(struct: string, name: string): Error {
  return unclassified(`unable to find api field in struct ${struct} for the json field ${JSON.stringify(name)}`);
}

function listStrategy(field: FieldFacts): string {
  return (field.patchStrategy ?? '').split(',').find((strategy) => strategy !== 'retainKeys') ?? '';
}

function elementType(list: ParsedType, holder: ParsedType): ParsedType {
  if (list.kind === 'list') return list.of;
  throw unclassified(`expected slice or array type, but got: ${holder.kind}`);
}

function afterSlash(key: string, prefix: string): string {
  const slash = key.indexOf('/');
  if (slash !== prefix.length) {
    throw badRequest(`invalid patch format of ${prefix === deletePrefix ? 'primitive list' : 'setElementOrder list'}`);
  }
  return key.slice(slash + 1);
}
