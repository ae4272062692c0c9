import type { KubeObject } from '../api/object.ts';
import type { Resource, ResourceInfo } from '../api/resource.ts';
import type { ObjectReader } from './request.ts';
import type { ServedResources } from './resources.ts';
import type { ResourceCache } from './storage/resource-cache.ts';
import { storageKey } from './storage/storage-key.ts';
import type { WatchCache } from './storage/watch-cache.ts';
import { viewOf } from './views.ts';

/** Current objects for authorizers, admission and the like, straight from the cache. */
export function cacheReader(cache: WatchCache, resources: ServedResources): ObjectReader {
  const served = (resource: Resource<KubeObject>) => {
    const found = resources.get(resource);
    if (!found) throw new Error(`${resource.resource}.${resource.group} is not served`);
    return found;
  };
  /** Asked several times by every request, for a few resources that never go. */
  const counts = new Map<ResourceInfo, ResourceCache>();
  return {
    get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string) {
      const from = served(resource);
      const entry = cache.resource(from.prefix).get(storageKey(from.prefix, namespace, name));
      return entry && (viewOf(entry, from).object as T);
    },
    list<T extends KubeObject>(resource: Resource<T>, namespace?: string) {
      const from = served(resource);
      const entries = cache.resource(from.prefix).list(namespace ? `${from.prefix}${namespace}/` : from.prefix);
      return entries.map((entry) => viewOf(entry, from).object as T);
    },
    changes(resource) {
      let counted = counts.get(resource);
      if (!counted) {
        counted = cache.resource(served(resource as Resource<KubeObject>).prefix);
        counts.set(resource, counted);
      }
      return counted.changes;
    },
  };
}
