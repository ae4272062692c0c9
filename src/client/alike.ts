import type { KubeObject } from '../api/object.ts';

type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json };

/** So many owners and namespaces have a model; each keeps at most one object from being forgotten. */
const maxModels = 100;

/**
 * Lets the objects of one kind share what is equal in them: most are made from a few templates, so that a parsed Pod takes a
 * fifth of what it would alone. They must be objects that nobody changes.
 */
export class AlikeObjects {
  /** The newest object of each owner, or of each namespace for those without one; oldest model first. */
  readonly #models = new Map<string, KubeObject>();

  /** Replaces parts of `object`, in place, by equal parts of `previous`, its last version, and of its owner's newest object. */
  share(object: KubeObject, previous: KubeObject | undefined): void {
    if (previous) alike(object, previous);
    const { ownerReferences, namespace = '' } = object.metadata;
    const maker = ownerReferences?.find(({ controller }) => controller)?.uid ?? namespace;
    const model = this.#models.get(maker);
    if (model && model !== previous) alike(object, model);
    else if (!model && this.#models.size === maxModels) this.#models.delete(this.#models.keys().next().value!);
    this.#models.set(maker, object);
  }
}

/** Replaces the parts of `value` that equal the same part of `like` by that part, and returns `like` if all of it is equal. */
export function alike<T>(value: T, like: T): T {
  return share(value as Json, like as Json) as T;
}

function share(value: Json, like: Json): Json {
  // For strings it is their text that is compared, and the same one that is kept.
  if (value === like) return like;
  if (typeof value !== 'object' || typeof like !== 'object' || value === null || like === null) return value;
  if (Array.isArray(value)) return Array.isArray(like) ? shareItems(value, like) : value;
  return Array.isArray(like) ? value : shareFields(value, like);
}

function shareItems(value: Json[], like: Json[]): Json[] {
  let equal = value.length === like.length;
  for (let i = Math.min(value.length, like.length) - 1; i >= 0; i--) {
    if (share(value[i], like[i]) === like[i]) value[i] = like[i];
    else equal = false;
  }
  return equal ? like : value;
}

function shareFields(value: Record<string, Json>, like: Record<string, Json>): Record<string, Json> {
  const [names, others] = [Object.keys(value), Object.keys(like)];
  let equal = names.length === others.length;
  names.forEach((name, i) => {
    const there = name === others[i] || Object.hasOwn(like, name);
    if (there && share(value[name], like[name]) === like[name]) value[name] = like[name];
    else equal = false;
  });
  return equal ? like : value;
}
