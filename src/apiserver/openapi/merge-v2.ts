import { isDeepStrictEqual } from 'node:util';
import type { Json } from './schema.ts';

/**
 * Adds to a document of OpenAPI v2 what an extension server says of the paths that it answers for (kube-openapi
 * pkg/aggregator MergeSpecsIgnorePathConflictRenamingDefinitionsAndParameters). A definition that both have and mean
 * differently gets another name. Neither document is changed.
 */
export function mergeV2(own: Json, other: Json, pathPrefix: string): Json {
  const paths = Object.fromEntries(
    Object.entries(objectOf(other.paths)).filter(([path]) => path === pathPrefix || path.startsWith(`${pathPrefix}/`)),
  );
  const merged = { ...own, paths: { ...paths, ...objectOf(own.paths) } } as Json;
  const renamed = new Map<string, string>();
  for (const section of ['definitions', 'parameters']) {
    const mine = { ...objectOf(own[section]) };
    const theirs = objectOf(other[section]);
    for (const name of reachable(paths, other, section)) {
      const free = freeName(mine, name, theirs[name]);
      if (free !== name) renamed.set(`#/${section}/${name}`, `#/${section}/${free}`);
      mine[free] = theirs[name];
    }
    merged[section] = mine;
  }
  if (renamed.size === 0) return merged;
  // What came from the other is told apart from our own by identity.
  for (const section of ['paths', 'definitions', 'parameters']) {
    const [all, before] = [objectOf(merged[section]), objectOf(own[section])];
    merged[section] = Object.fromEntries(
      Object.entries(all).map(([name, value]) => [name, before[name] === value ? value : rewritten(value, renamed)]),
    );
  }
  return merged;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** 'X', or 'X_v2', 'X_v3', … where that stands for something else. */
function freeName(taken: Record<string, unknown>, name: string, value: unknown): string {
  let free = name;
  for (let n = 2; free in taken && !isDeepStrictEqual(taken[free], value); n++) free = `${name}_v${n}`;
  return free;
}

/** Names in a section that these paths refer to, directly or through others. */
function reachable(paths: object, document: Json, section: string): Set<string> {
  const found = new Set<string>();
  const visited = new Set<string>();
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, part] of Object.entries(value)) {
      if (key !== '$ref' || typeof part !== 'string') {
        visit(part);
        continue;
      }
      const [, kind = '', name = ''] = /^#\/(\w+)\/(.+)$/.exec(part) ?? [];
      const target = objectOf(document[kind])[name];
      if (target === undefined || visited.has(part)) continue;
      visited.add(part);
      if (kind === section) found.add(name);
      visit(target);
    }
  };
  visit(paths);
  return found;
}

function rewritten(value: unknown, renamed: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((part) => rewritten(part, renamed));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === '$ref' && typeof part === 'string' ? (renamed.get(part) ?? part) : rewritten(part, renamed),
    ]),
  );
}
