import type { DiscoverableResource } from '../discovery/served-groups.ts';

/** What several sources serve, as one list; a new array after every change of one of them. */
export function mergedResources<T extends DiscoverableResource>(
  ...sources: (() => readonly T[])[]
): () => readonly T[] {
  let from: (readonly T[])[] = [];
  let merged: readonly T[] = [];
  return () => {
    const now = sources.map((source) => source());
    if (now.every((list, i) => list === from[i])) return merged;
    from = now;
    const some = now.filter((list) => list.length > 0);
    merged = some.length === 1 ? some[0]! : some.flat();
    return merged;
  };
}
