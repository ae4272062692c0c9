import type { SubjectAccessReviewSpec } from '../api/generated/authorization-v1.ts';
import type { Pod } from '../api/generated/core-v1.ts';
import type { KubeList, KubeObject, WatchEvent } from '../api/object.ts';
import type { Resource } from '../api/resource.ts';
import { alreadyExists, notFound } from '../api/status-error.ts';
import type { Client, Patch, RawRequest, RawResponse, WatchOptions, WriteOptions } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Informer, InformerFactory, InformerHandler } from '../client/informer.ts';
import type { PodAddress, PodNetwork } from '../network/network.ts';

type Stored = KubeObject & { status?: Record<string, unknown> };

/** An API server in a map, as much of it as the kubelet uses: client and informers over the same objects. */
export class FakeCluster implements Client, InformerFactory {
  /** By 'resource/namespace/name'. */
  readonly objects = new Map<string, Stored>();
  readonly #informers = new Map<string, FakeInformer>();
  readonly #watches = new Set<(resource: string, event: WatchEvent<KubeObject>) => void>();
  /** Verb, resource and name of every write, in order. */
  readonly writes: string[] = [];
  #version = 1;

  /** Stores an object as a user would, and tells who watches. */
  put(resource: { resource: string }, object: KubeObject): void {
    const key = keyFor(resource, object.metadata.name, object.metadata.namespace);
    const before = this.objects.get(key);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.objects.set(key, stored);
    this.#tell(resource.resource, before ? 'MODIFIED' : 'ADDED', stored, before);
  }

  remove(resource: { resource: string }, name: string, namespace?: string): void {
    const key = keyFor(resource, name, namespace);
    const before = this.objects.get(key);
    this.objects.delete(key);
    if (before) this.#tell(resource.resource, 'DELETED', before);
  }

  pod(name: string): Pod | undefined {
    return this.objects.get(`pods/default/${name}`) as Pod | undefined;
  }

  async get<T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string): Promise<T> {
    const found = this.objects.get(keyFor(resource, name, namespace));
    if (!found) throw notFound(resource, name);
    return found as unknown as T;
  }

  async list<T extends KubeObject>(): Promise<KubeList<T>> {
    throw new Error('the fake does not list');
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: object): Promise<T> {
    const draft = object as T;
    const key = keyFor(resource, draft.metadata.name, draft.metadata.namespace);
    if (this.objects.has(key)) throw alreadyExists(resource, draft.metadata.name);
    this.writes.push(`create ${key}`);
    const metadata = { ...draft.metadata, uid: draft.metadata.uid ?? `uid-${draft.metadata.name}` };
    this.put(resource, { ...draft, metadata });
    return this.objects.get(key) as unknown as T;
  }

  async update<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    const key = keyFor(resource, object.metadata.name, object.metadata.namespace);
    this.writes.push(`update ${key}`);
    this.put(resource, object);
    return this.objects.get(key) as unknown as T;
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    namespace: string | undefined,
    patch: Patch,
    options: WriteOptions = {},
  ): Promise<T> {
    const key = keyFor(resource, name, namespace);
    const before = this.objects.get(key);
    if (!before) throw notFound(resource, name);
    this.writes.push(`patch ${key}${options.subresource ? `/${options.subresource}` : ''}`);
    const { status = {} } = patch.body as { status?: Record<string, unknown> };
    const merged: Record<string, unknown> = { ...before.status };
    for (const [field, value] of Object.entries(status)) {
      if (value === null) delete merged[field];
      else merged[field] = field === 'conditions' ? mergeByType(before.status?.conditions, value) : value;
    }
    this.put(resource, { ...before, status: merged } as KubeObject);
    return this.objects.get(key) as unknown as T;
  }

  async delete<T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string): Promise<void> {
    const key = keyFor(resource, name, namespace);
    if (!this.objects.has(key)) throw notFound(resource, name);
    this.writes.push(`delete ${key}`);
    this.remove(resource, name, namespace);
  }

  async deleteCollection(): Promise<void> {
    throw new Error('the fake does not delete collections');
  }

  async *watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const queue: WatchEvent<KubeObject>[] = [];
    let wake = () => {};
    const listener = (name: string, event: WatchEvent<KubeObject>) => {
      if (name !== resource.resource) return;
      queue.push(event);
      wake();
    };
    this.#watches.add(listener);
    options.signal?.addEventListener('abort', () => wake(), { once: true });
    while (!options.signal?.aborted) {
      const event = queue.shift();
      if (event) yield event as WatchEvent<T>;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    this.#watches.delete(listener);
  }

  /** Who may use the kubelet's API: asked by subject access reviews. */
  allows: (review: SubjectAccessReviewSpec) => boolean = () => true;
  /** Users by bearer token. */
  readonly tokens = new Map<string, string>();

  async request(request: RawRequest): Promise<RawResponse> {
    this.writes.push(`${request.method} ${request.path}`);
    const json = this.#answer(request);
    const body = (async function* () {})();
    return { status: 201, headers: {}, body, text: async () => JSON.stringify(json), json: async () => json };
  }

  #answer({ path, body }: RawRequest): object {
    const { spec } = JSON.parse(String(body ?? '{}')) as { spec: SubjectAccessReviewSpec & { token?: string } };
    if (path.endsWith('/subjectaccessreviews')) return { status: { allowed: this.allows(spec) } };
    if (path.endsWith('/tokenreviews')) {
      const username = this.tokens.get(spec.token ?? '');
      return { status: { authenticated: username !== undefined, user: { username } } };
    }
    const expirationTimestamp = new Date(Date.now() + 3_600_000).toISOString();
    return { status: { token: 'a-token', expirationTimestamp } };
  }

  close(): void {}

  informer<T extends KubeObject>(resource: Resource<T>): Informer<T> {
    let informer = this.#informers.get(resource.resource);
    if (!informer) {
      informer = new FakeInformer(resource, this.objects);
      this.#informers.set(resource.resource, informer);
    }
    return informer as unknown as Informer<T>;
  }

  start(): void {}
  async whenSynced(): Promise<void> {}
  stop(): void {}

  #tell(resource: string, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject, before?: KubeObject): void {
    this.#informers.get(resource)?.tell(type, object, before);
    for (const watch of this.#watches) watch(resource, { type, object });
  }
}

class FakeInformer implements Informer<KubeObject> {
  readonly resource: Resource<KubeObject>;
  readonly synced = true;
  readonly #objects: Map<string, KubeObject>;
  readonly #handlers = new Set<InformerHandler<KubeObject>>();

  constructor(resource: Resource<KubeObject>, objects: Map<string, KubeObject>) {
    this.resource = resource;
    this.#objects = objects;
  }

  tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject, before: KubeObject = object): void {
    for (const handler of this.#handlers) {
      if (type === 'ADDED') handler.added?.(object);
      else if (type === 'MODIFIED') handler.updated?.(object, before);
      else handler.deleted?.(object);
    }
  }

  async whenSynced(): Promise<void> {}

  on(handler: InformerHandler<KubeObject>): () => void {
    this.#handlers.add(handler);
    for (const object of this.list()) handler.added?.(object);
    return () => void this.#handlers.delete(handler);
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(`${this.resource.resource}/${key}`);
  }

  list(namespace?: string): KubeObject[] {
    const prefix = `${this.resource.resource}/${namespace ? `${namespace}/` : ''}`;
    return [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
  }

  byIndex(): KubeObject[] {
    return [];
  }
}

/** Gives out addresses, connects nothing. */
export class FakeNetwork implements PodNetwork {
  readonly #addresses = new Map<string, PodAddress>();
  #next = 1;

  async open(): Promise<void> {}
  async attach(sandboxId: string): Promise<PodAddress> {
    const n = this.#next++;
    const address = { ip: `10.1.${n >> 8}.${n & 255}`, mac: '02:00:00:00:00:01', hostLink: `v${n}` };
    this.#addresses.set(sandboxId, address);
    return address;
  }
  async detach(sandboxId: string): Promise<void> {
    this.#addresses.delete(sandboxId);
  }
  address(sandboxId: string): PodAddress | undefined {
    return this.#addresses.get(sandboxId);
  }
  async retain(): Promise<void> {}
  async removeAll(): Promise<void> {}
}

/** Keeps 'reason: message' of every Event. */
export class FakeEvents implements EventRecorder {
  readonly seen: string[] = [];

  event(_about: KubeObject, _type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.seen.push(`${reason}: ${message}`);
  }
}

const keyFor = (resource: { resource: string }, name: string, namespace?: string): string =>
  `${resource.resource}/${namespace ? `${namespace}/` : ''}${name}`;

function mergeByType(before: unknown, patch: unknown): unknown {
  const merged = new Map<string, unknown>();
  for (const list of [before, patch]) for (const one of (list ?? []) as { type: string }[]) merged.set(one.type, one);
  return [...merged.values()];
}
