import type { DiscoverableResource } from '../discovery/served-groups.ts';

/** What this server and extension servers serve, as one list; a new array after every change of either. */
export function mergedResources(
  own: () => readonly DiscoverableResource[],
  others: () => readonly DiscoverableResource[],
): () => readonly DiscoverableResource[] {
  let from: [readonly DiscoverableResource[], readonly DiscoverableResource[]] | undefined;
  let merged: readonly DiscoverableResource[] = [];
  return () => {
    const [mine, theirs] = [own(), others()];
    if (from?.[0] === mine && from[1] === theirs) return merged;
    from = [mine, theirs];
    merged = theirs.length > 0 ? [...mine, ...theirs] : mine;
    return merged;
  };
}
