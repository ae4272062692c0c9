import { type KubeObject, keyOf } from '../api/object.ts';
import { AlikeObjects } from './alike.ts';
import type { IndexFunctions, InformerHandler, Lister } from './informer.ts';

/** Objects by key, with indexes that are kept up to date change by change. */
export class ObjectCache<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, T>();
  readonly #alike = new AlikeObjects();
  /** Per index name: its function and, per value, the objects by key. Holds exactly the objects of #objects. */
  readonly #indexes = new Map<string, { values(object: T): string[]; entries: Map<string, Map<string, T>> }>();

  constructor() {
    this.addIndexes({ [namespaceIndex]: byNamespace });
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): T[] {
    return namespace ? this.byIndex(namespaceIndex, namespace) : [...this.#objects.values()];
  }

  byIndex(index: string, value: string): T[] {
    const found = this.#indexes.get(index);
    if (!found) throw new Error(`no index ${index}`);
    return [...(found.entries.get(value)?.values() ?? [])];
  }

  /** Adds what is not there yet; one name must not stand for two functions. */
  addIndexes(indexes: IndexFunctions<T>): void {
    for (const [name, values] of Object.entries(indexes)) {
      const known = this.#indexes.get(name);
      if (known && known.values !== values && known.values.toString() !== values.toString()) {
        throw new Error(`index ${name} is already there with another function`);
      }
      if (known) continue;
      const index = { values, entries: new Map<string, Map<string, T>>() };
      this.#indexes.set(name, index);
      for (const [key, object] of this.#objects) insert(index.entries, values(object), key, object);
    }
  }

  /** Stores the object, which then shares parts with others, and returns what it replaces. */
  set(key: string, object: T): T | undefined {
    const previous = this.#objects.get(key);
    this.#alike.share(object, previous);
    this.#objects.set(key, object);
    for (const { values, entries } of this.#indexes.values()) {
      if (previous) remove(entries, values(previous), key);
      insert(entries, values(object), key, object);
    }
    return previous;
  }

  delete(key: string): T | undefined {
    const previous = this.#objects.get(key);
    if (!previous) return undefined;
    this.#objects.delete(key);
    for (const { values, entries } of this.#indexes.values()) remove(entries, values(previous), key);
    return previous;
  }

  /** Makes the cache hold exactly these objects, telling `handler` every difference. */
  replace(objects: T[], handler: Required<InformerHandler<T>>): void {
    const gone = new Set(this.#objects.keys());
    for (const object of objects) {
      const key = keyOf(object);
      gone.delete(key);
      const current = this.#objects.get(key);
      if (current && current.metadata.resourceVersion === object.metadata.resourceVersion) continue;
      const previous = this.set(key, object);
      if (previous) handler.updated(object, previous);
      else handler.added(object);
    }
    for (const key of gone) {
      const previous = this.delete(key);
      if (previous) handler.deleted(previous);
    }
  }
}

/** The index that list(namespace) reads. */
const namespaceIndex = 'namespace';
const byNamespace = (object: KubeObject) => (object.metadata.namespace ? [object.metadata.namespace] : []);

function insert<T>(entries: Map<string, Map<string, T>>, values: string[], key: string, object: T): void {
  for (const value of values) {
    const entry = entries.get(value);
    if (entry) entry.set(key, object);
    else entries.set(value, new Map([[key, object]]));
  }
}

function remove<T>(entries: Map<string, Map<string, T>>, values: string[], key: string): void {
  for (const value of values) {
    const entry = entries.get(value);
    entry?.delete(key);
    if (entry?.size === 0) entries.delete(value);
  }
}
