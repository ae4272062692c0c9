import type { KubeObject } from '../api/object.ts';
import { internalError } from '../api/status-error.ts';
import { CacheEntry } from './storage/cache-entry.ts';
import type { Conversion, ServedResource } from './strategy.ts';

/** Entries in a form that they are not stored in, converted once. */
const converted = new WeakMap<CacheEntry, WeakMap<Conversion, CacheEntry>>();

/** The entry as this resource serves it: the stored one itself, unless conversion changes it. */
export function viewOf(entry: CacheEntry, resource: ServedResource): CacheEntry {
  const { conversion } = resource;
  if (!conversion) return entry;
  const known = converted.get(entry)?.get(conversion);
  if (known) return known;
  if (conversion.convertAll) throw internalError(`${entry.key} has not been converted`);
  return remember(entry, conversion, conversion.toServed(entry.object));
}

/** Converts what only a webhook can convert, so that `viewOf` finds it. */
export async function prepareViews(entries: readonly CacheEntry[], resource: ServedResource): Promise<void> {
  const { conversion } = resource;
  if (!conversion?.convertAll) return;
  const missing = entries.filter((entry) => !converted.get(entry)?.has(conversion));
  if (missing.length === 0) return;
  const objects = await conversion.convertAll(
    missing.map((entry) => entry.object),
    'served',
  );
  for (const [i, entry] of missing.entries()) remember(entry, conversion, objects[i]!);
}

/** A copy of the object, in the served version, to be changed. */
export function editable(entry: CacheEntry, resource: ServedResource): KubeObject {
  const { conversion } = resource;
  if (!conversion) return entry.copy();
  return conversion.convertAll ? viewOf(entry, resource).copy() : conversion.toServed(entry.copy());
}

/** The object as it is to be stored. */
export async function storable(object: KubeObject, resource: ServedResource): Promise<KubeObject> {
  const { conversion } = resource;
  if (!conversion) return object;
  if (!conversion.convertAll) return conversion.toStored(object);
  const [stored] = await conversion.convertAll([object], 'stored');
  return stored!;
}

function remember(entry: CacheEntry, conversion: Conversion, served: KubeObject): CacheEntry {
  let views = converted.get(entry);
  if (!views) {
    views = new WeakMap();
    converted.set(entry, views);
  }
  const view =
    served === entry.object
      ? entry
      : new CacheEntry(entry.key, entry.revision, Buffer.from(JSON.stringify(ordered(served))), served);
  views.set(conversion, view);
  return view;
}

/** kind, apiVersion and resourceVersion come first, as in every other entry. */
function ordered(object: KubeObject): KubeObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion, ...others } = metadata;
  return { kind, apiVersion, metadata: { resourceVersion, ...others }, ...rest };
}
