import type { Environment, Optional } from '@marcbachmann/cel-js';

/** What literals with optional entries are rewritten to (rewrite-literals.ts). */
export function registerLiterals(environment: Environment): void {
  const sync = { async: false };
  environment
    .registerFunction(
      'optionalItem__(optional<A>): list<A>',
      (item: Optional) => (item.hasValue() ? [item.value()] : []),
      sync,
    )
    .registerFunction(
      'optionalEntry__(K, optional<V>): map<K, V>',
      (key: unknown, value: Optional) => new Map(value.hasValue() ? [[key, value.value()]] : []),
      sync,
    )
    .registerFunction('mergeMaps__(list<map<K, V>>): map<K, V>', merged, sync);
}

type CelMap = Map<unknown, unknown> | Record<string, unknown>;

function merged(maps: CelMap[]): Map<unknown, unknown> {
  const result = new Map<unknown, unknown>();
  for (const map of maps)
    for (const [key, value] of map instanceof Map ? map : Object.entries(map)) {
      if (result.has(key)) throw new Error(`Failed with repeated key: ${key}`);
      result.set(key, value);
    }
  return result;
}
