import type { KubeObject } from '../api/object.ts';
import type { Resource } from '../api/resource.ts';

/** A local, read-only copy of a resource, kept fresh by list and watch (client-go tools/cache). Objects in it are shared: never modify them. */
export interface Informer<T extends KubeObject> extends Lister<T> {
  readonly resource: Resource<T>;
  /** Calls the handler for every object already known (as added) and for each later change. Returns the removal. */
  on(handler: InformerHandler<T>): () => void;
  /** Whether the first list is in. */
  readonly synced: boolean;
  /** Resolves when the first list is in. */
  whenSynced(): Promise<void>;
}

export interface InformerHandler<T extends KubeObject> {
  added?(object: T): void;
  updated?(object: T, previous: T): void;
  deleted?(object: T): void;
}

export interface Lister<T extends KubeObject> {
  /** By key ('namespace/name' or 'name'). */
  get(key: string): T | undefined;
  /** All, or those of one namespace. */
  list(namespace?: string): T[];
  /** By a named index, see InformerFactory.informer. */
  byIndex(index: string, value: string): T[];
}

export type IndexFunctions<T> = Record<string, (object: T) => string[]>;

/** Hands out one shared informer per resource and selector; start() begins list and watch, stop() ends all. */
export interface InformerFactory {
  informer<T extends KubeObject>(
    resource: Resource<T>,
    options?: { namespace?: string; fieldSelector?: string; labelSelector?: string; indexes?: IndexFunctions<T> },
  ): Informer<T>;
  start(): void;
  /** Resolves when every informer handed out has its first list. */
  whenSynced(): Promise<void>;
  stop(): void;
}
