import { childPath, fieldSchema, isMap, type JsonSchema } from './json-schema.ts';

const ofEveryResource = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Removes what the schema does not specify (apiextensions-apiserver pkg/apiserver/schema/pruning), in place, and tells
 * the paths of what was removed. `isRoot`: the value is a whole resource, whose metadata is not the schema's business.
 */
export function prune(value: unknown, schema: JsonSchema | undefined, isRoot: boolean): string[] {
  const removed: string[] = [];
  walk(value, schema, isRoot, '', removed);
  return removed;
}

function walk(value: unknown, schema: JsonSchema | undefined, isRoot: boolean, path: string, removed: string[]): void {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      walk(
        value[i],
        schema?.items,
        Boolean(schema?.items?.['x-kubernetes-embedded-resource']),
        `${path}[${i}]`,
        removed,
      );
    }
    return;
  }
  if (!isMap(value)) return;
  const keepsAll = schema?.['x-kubernetes-preserve-unknown-fields'];
  for (const key of Object.keys(value)) {
    if (isRoot && ofEveryResource.has(key)) continue;
    const own = fieldSchema(schema, key);
    if (own) walk(value[key], own, Boolean(own['x-kubernetes-embedded-resource']), childPath(path, key), removed);
    else if (!keepsAll && schema?.additionalProperties !== true) {
      delete value[key];
      removed.push(childPath(path, key));
    }
  }
}
