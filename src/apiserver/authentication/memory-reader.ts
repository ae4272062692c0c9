import type { KubeObject, Metadata } from '../../api/object.ts';
import { apiVersionOf, type Resource, type ResourceInfo } from '../../api/resource.ts';
import type { ObjectReader } from '../request.ts';

/** An ObjectReader over a plain list, for tests; change it with `put` and `remove`. */
export class MemoryReader implements ObjectReader {
  /** Every object, by resource and key. */
  readonly #objects = new Map<string, KubeObject>();
  /** Counts changes. */
  #changes = 0;

  put<T extends KubeObject>(
    resource: Resource<T>,
    object: Omit<Partial<T>, 'metadata'> & { metadata: Partial<Metadata> },
  ): T {
    const { name = '', namespace = '' } = object.metadata;
    this.#changes++;
    const stored = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      ...object,
      metadata: { uid: `uid-${name}`, resourceVersion: `${this.#changes}`, creationTimestamp: '', ...object.metadata },
    } as unknown as T;
    this.#objects.set(keyIn(resource, namespace, name), stored);
    return stored;
  }

  remove(resource: ResourceInfo, namespace: string, name: string): void {
    this.#changes++;
    this.#objects.delete(keyIn(resource, namespace, name));
  }

  get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): T | undefined {
    return this.#objects.get(keyIn(resource, namespace, name)) as T | undefined;
  }

  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): T[] {
    const prefix = `${resource.group}/${resource.resource}/`;
    return [...this.#objects]
      .filter(([key, object]) => key.startsWith(prefix) && (!namespace || object.metadata.namespace === namespace))
      .map(([, object]) => object as T);
  }

  changes(): number {
    return this.#changes;
  }
}

function keyIn(resource: ResourceInfo, namespace: string, name: string): string {
  return `${resource.group}/${resource.resource}/${namespace}/${name}`;
}
