import type { KubeObject } from '../api/object.ts';
import { CacheEntry } from './storage/cache-entry.ts';
import type { ServedResource } from './strategy.ts';

/** Entries in a version that they are not stored in, converted once. */
const converted = new WeakMap<CacheEntry, Map<string, CacheEntry>>();

/** The entry as this resource serves it: the stored one itself, unless it is stored in another version. */
export function viewOf(entry: CacheEntry, resource: ServedResource): CacheEntry {
  if (!resource.conversion) return entry;
  const { group, version } = resource.info;
  const id = `${group}/${version}`;
  let views = converted.get(entry);
  if (!views) {
    views = new Map();
    converted.set(entry, views);
  }
  let view = views.get(id);
  if (!view) {
    const object = ordered(resource.conversion.toServed(entry.object));
    view = new CacheEntry(entry.key, entry.revision, Buffer.from(JSON.stringify(object)), object);
    views.set(id, view);
  }
  return view;
}

/** A copy of the object, in the served version, to be changed. */
export function editable(entry: CacheEntry, resource: ServedResource): KubeObject {
  const copy = entry.copy();
  return resource.conversion ? resource.conversion.toServed(copy) : copy;
}

/** The object as it is to be stored. */
export function storable(object: KubeObject, resource: ServedResource): KubeObject {
  return resource.conversion ? resource.conversion.toStored(object) : object;
}

function ordered(object: KubeObject): KubeObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  return { kind, apiVersion, metadata, ...rest };
}
