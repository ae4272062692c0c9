import type { KubeObject } from '../api/object.ts';
import type { Resource } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from './client.ts';
import type { IndexFunctions, Informer, InformerFactory, InformerHandler } from './informer.ts';
import { ObjectCache } from './object-cache.ts';
import { reflect } from './reflector.ts';

interface Selection {
  namespace?: string;
  fieldSelector?: string;
  labelSelector?: string;
}

/** Informers shared by all who ask for the same resource, namespace and selectors. */
export function createInformerFactory(client: Client, options: { log: Logger; clock: Clock }): InformerFactory {
  const stopper = new AbortController();
  const informers = new Map<string, SharedInformer<KubeObject>>();
  let started = false;
  return {
    informer<T extends KubeObject>(
      resource: Resource<T>,
      { indexes = {}, ...selection }: Selection & { indexes?: IndexFunctions<T> } = {},
    ): Informer<T> {
      const { namespace, fieldSelector, labelSelector } = selection;
      const id = JSON.stringify([
        resource.group,
        resource.version,
        resource.resource,
        namespace,
        fieldSelector,
        labelSelector,
      ]);
      let informer = informers.get(id) as SharedInformer<T> | undefined;
      if (!informer) {
        informer = new SharedInformer(resource, options.log);
        informers.set(id, informer as unknown as SharedInformer<KubeObject>);
        informer.prepare((cache, handler, onSynced) =>
          reflect({ client, resource, selection, cache, handler, onSynced, ...options }, stopper.signal),
        );
        if (started) informer.start();
      }
      informer.addIndexes(indexes);
      return informer;
    },
    start() {
      started = true;
      for (const informer of informers.values()) informer.start();
    },
    async whenSynced() {
      await Promise.all([...informers.values()].map((informer) => informer.whenSynced()));
    },
    stop: () => stopper.abort(),
  };
}

type Run<T extends KubeObject> = (
  cache: ObjectCache<T>,
  handler: Required<InformerHandler<T>>,
  onSynced: () => void,
) => Promise<void>;

class SharedInformer<T extends KubeObject> implements Informer<T> {
  readonly resource: Resource<T>;
  readonly #log: Logger;
  readonly #cache = new ObjectCache<T>();
  /** Replaced, never changed in place: a handler may remove itself while it is called. */
  #handlers: readonly InformerHandler<T>[] = [];
  /** Whether the first list is in the cache; never goes back. */
  #synced = false;
  readonly #firstList = Promise.withResolvers<void>();
  #run: Run<T> | undefined;

  constructor(resource: Resource<T>, log: Logger) {
    this.resource = resource;
    this.#log = log;
  }

  get synced(): boolean {
    return this.#synced;
  }

  whenSynced(): Promise<void> {
    return this.#firstList.promise;
  }

  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  list(namespace?: string): T[] {
    return this.#cache.list(namespace);
  }

  byIndex(index: string, value: string): T[] {
    return this.#cache.byIndex(index, value);
  }

  addIndexes(indexes: IndexFunctions<T>): void {
    this.#cache.addIndexes(indexes);
  }

  on(handler: InformerHandler<T>): () => void {
    for (const object of this.#cache.list()) this.#guard(() => handler.added?.(object));
    this.#handlers = [...this.#handlers, handler];
    return () => {
      this.#handlers = this.#handlers.filter((other) => other !== handler);
    };
  }

  /** Says how to fill the cache, once `start` is called. */
  prepare(run: Run<T>): void {
    this.#run = run;
  }

  /** Begins list and watch; without effect the second time. */
  start(): void {
    const run = this.#run;
    this.#run = undefined;
    const all: Required<InformerHandler<T>> = {
      added: (object) => this.#tell((handler) => handler.added?.(object)),
      updated: (object, previous) => this.#tell((handler) => handler.updated?.(object, previous)),
      deleted: (object) => this.#tell((handler) => handler.deleted?.(object)),
    };
    void run?.(this.#cache, all, () => {
      this.#synced = true;
      this.#firstList.resolve();
    });
  }

  #tell(call: (handler: InformerHandler<T>) => void): void {
    for (const handler of this.#handlers) this.#guard(() => call(handler));
  }

  /** A handler that fails must not end the watch of all others. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error('informer handler failed', { resource: this.resource.resource, error });
    }
  }
}
