import type { Draft, KubeList, KubeObject, WatchEvent } from '../api/object.ts';
import type { Resource } from '../api/resource.ts';

/**
 * The Kubernetes API as controllers, the scheduler, the kubelet, the command line and the page see it. Every method
 * rejects with a StatusError carrying the server's own Status.
 */
export interface Client {
  get<T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<KubeList<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, options?: WriteOptions): Promise<T>;
  /** Replaces the object; its resourceVersion, if set, must be the current one. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    namespace: string | undefined,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>;
  delete<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    namespace?: string,
    options?: DeleteOptions,
  ): Promise<void>;
  deleteCollection<T extends KubeObject>(resource: Resource<T>, options: ListOptions & DeleteOptions): Promise<void>;
  /** Events after `resourceVersion`. Ends when the server ends it; throws StatusError Expired (410) when it is too old. */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Any request, for subresources and URLs that have no method of their own: `POST …/pods/x/binding`, `/version`. */
  request(request: RawRequest): Promise<RawResponse>;
  close(): void;
}

export interface ListOptions {
  /** All namespaces when absent. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  /** Others in this process may be given the same objects: they must not be changed. @default false */
  shared?: boolean;
}

export interface WatchOptions extends ListOptions {
  allowWatchBookmarks?: boolean;
  timeoutSeconds?: number;
  /** Ends the watch. */
  signal?: AbortSignal;
}

export interface WriteOptions {
  /** 'status', 'scale', …: write that subresource. */
  subresource?: string;
  fieldManager?: string;
  dryRun?: boolean;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  preconditions?: { uid?: string; resourceVersion?: string };
}

export type Patch =
  | { type: 'json'; body: unknown[] }
  | { type: 'merge' | 'strategic'; body: unknown }
  | { type: 'apply'; body: unknown; force?: boolean };

export interface RawRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  signal?: AbortSignal;
  /** Others may be given the same objects: they will not be changed. */
  shared?: boolean;
}

export interface RawResponse {
  status: number;
  headers: Record<string, string>;
  /** The body as it arrives. */
  body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
  json(): Promise<unknown>;
  /** The events of a watch, where a transport has them as values (instead of `body`). */
  values?: AsyncIterable<object>;
}

/**
 * What carries requests: HTTPS to a server, or a function call into an API server in the same process. The client
 * above it is the same for both.
 */
export interface Transport {
  request(request: RawRequest): Promise<RawResponse>;
  close(): void;
}
