import { badRequest } from '../status-error.ts';
import { isObject, type JsonObject, setOwn } from './json-value.ts';
import { goJsonType } from './patch-error.ts';

/** The object after a JSON merge patch (RFC 7386). `original` stays as it is; unchanged parts are shared with it. */
export function applyMergePatch(original: JsonObject, patch: unknown): JsonObject {
  if (!isObject(patch)) {
    const type = goJsonType(patch);
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${type} into Go value of type map[string]interface {}`,
    );
  }
  return mergeObjects(original, patch);
}

/** RFC 7386 section 2, for two objects: null removes, objects merge, everything else replaces. */
function mergeObjects(target: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (!isObject(value)) setOwn(result, key, value);
    else {
      const old = Object.hasOwn(result, key) ? result[key] : undefined;
      setOwn(result, key, mergeObjects(isObject(old) ? old : {}, value));
    }
  }
  return result;
}
