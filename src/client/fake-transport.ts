import type { KubeObject } from '../api/object.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  expired,
  modifiedMessage,
  notFound,
  StatusError,
} from '../api/status-error.ts';
import type { RawRequest, RawResponse, Transport } from './client.ts';

/**
 * A small Kubernetes API in memory for tests of clients: get, list, watch, create, update, patch (merged, whatever its
 * type) and delete of any resource; resource versions, conflicts, generateName and the status subresource. No
 * defaults, validation, selectors (but metadata.name, metadata.namespace, spec.nodeName) or garbage collection.
 */
export class FakeTransport implements Transport {
  /** Every request, in order: 'GET /api/v1/pods'. */
  readonly requests: string[] = [];
  /** Called before a request is answered; throws to make it fail. */
  intercept: (request: RawRequest) => void = () => {};
  /** Grows by one with each write. */
  #revision = 0;
  /** The oldest revision that a watch may start from. */
  #compacted = 0;
  /** By collection path ('/api/v1/pods') and key. */
  readonly #collections = new Map<string, Map<string, KubeObject>>();
  /** Every change, oldest first, for watches from a past revision. */
  readonly #history: { collection: string; type: string; object: KubeObject; revision: number }[] = [];
  /** Watches under way. */
  readonly #watches = new Set<(change: { collection: string; type: string; object: KubeObject } | 'end') => void>();

  async request(request: RawRequest): Promise<RawResponse> {
    this.requests.push(`${request.method} ${request.path}`);
    try {
      this.intercept(request);
      const url = new URL(request.path, 'http://fake');
      const target = parsePath(url.pathname);
      if (request.method === 'GET' && url.searchParams.get('watch')) return this.#watch(target, url, request.signal);
      return answer(200, JSON.stringify(this.#respond(request, target, url.searchParams)));
    } catch (error) {
      if (error instanceof StatusError) return answer(error.code, JSON.stringify(error.status));
      throw error;
    }
  }

  close(): void {
    this.endWatches();
  }

  /** Ends all watches, as a server that times them out. */
  endWatches(): void {
    for (const watch of [...this.#watches]) watch('end');
  }

  /** Forgets the history: watches from an older revision fail with Expired. */
  compact(): void {
    this.#compacted = this.#revision;
  }

  #respond(request: RawRequest, target: Target, query: URLSearchParams): unknown {
    const objects = this.#collection(target.collection);
    const key = target.namespace ? `${target.namespace}/${target.name}` : target.name;
    const body = request.body ? JSON.parse(request.body.toString()) : undefined;
    const current = objects.get(key);
    switch (request.method) {
      case 'GET':
        return target.name ? (current ?? missing(target)) : this.#list(target, query);
      case 'POST':
        return this.#create(target, body);
      case 'PUT':
        if (!current) return missing(target);
        if (body.metadata.resourceVersion && body.metadata.resourceVersion !== current.metadata.resourceVersion) {
          throw conflict(target, target.name, modifiedMessage);
        }
        return this.#write(target, key, target.subresource ? { ...current, status: body.status } : body, 'MODIFIED');
      case 'PATCH':
        if (!current && !request.headers?.['content-type']?.includes('apply')) return missing(target);
        return this.#write(target, key, merge(current ?? {}, body) as KubeObject, current ? 'MODIFIED' : 'ADDED');
      case 'DELETE':
        if (!target.name) return [...objects.keys()].map((each) => this.#delete(target.collection, each));
        return current ? this.#delete(target.collection, key) : missing(target);
      default:
        throw badRequest(`fake API: ${request.method} ${request.path}`);
    }
  }

  #list(target: Target, query: URLSearchParams) {
    const items = [...this.#collection(target.collection).values()].filter((object) => selected(object, target, query));
    return { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: `${this.#revision}` }, items };
  }

  #create(target: Target, body: KubeObject): KubeObject {
    const metadata = { ...body.metadata };
    if (!metadata.name) metadata.name = `${metadata.generateName}${this.#revision + 1}`;
    if (target.namespace) metadata.namespace = target.namespace;
    const key = target.namespace ? `${target.namespace}/${metadata.name}` : metadata.name;
    if (this.#collection(target.collection).has(key)) throw alreadyExists(target, metadata.name);
    metadata.uid ||= `uid-${this.#revision + 1}`;
    metadata.creationTimestamp ||= new Date().toISOString();
    return this.#write(target, key, { ...body, metadata }, 'ADDED');
  }

  #write(target: Target, key: string, object: KubeObject, type: string): KubeObject {
    const stored = structuredClone(object);
    stored.metadata.resourceVersion = `${++this.#revision}`;
    this.#collection(target.collection).set(key, stored);
    this.#publish(target.collection, type, stored);
    return stored;
  }

  #delete(collection: string, key: string): KubeObject {
    const objects = this.#collection(collection);
    const gone = structuredClone(objects.get(key)!);
    objects.delete(key);
    gone.metadata.resourceVersion = `${++this.#revision}`;
    this.#publish(collection, 'DELETED', gone);
    return gone;
  }

  #publish(collection: string, type: string, object: KubeObject): void {
    this.#history.push({ collection, type, object, revision: this.#revision });
    for (const watch of [...this.#watches]) watch({ collection, type, object });
  }

  #watch(target: Target, url: URL, signal: AbortSignal | undefined): RawResponse {
    const from = Number(url.searchParams.get('resourceVersion') ?? this.#revision);
    if (from < this.#compacted) throw expired(`too old resource version: ${from} (${this.#compacted})`);
    const matches = (change: { collection: string; object: KubeObject }) =>
      change.collection === target.collection && selected(change.object, target, url.searchParams);
    const encode = ({ type, object }: { type: string; object: KubeObject }) =>
      Buffer.from(`${JSON.stringify({ type, object })}\n`);
    const watches = this.#watches;
    const past = this.#history.filter((change) => change.revision > from && matches(change)).map(encode);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of past) controller.enqueue(chunk);
        const watch: Parameters<typeof watches.add>[0] = (change) => {
          if (change === 'end') {
            watches.delete(watch);
            controller.close();
          } else if (matches(change)) controller.enqueue(encode(change));
        };
        watches.add(watch);
        signal?.addEventListener('abort', () => watches.has(watch) && watch('end'));
      },
    });
    return { status: 200, headers: {}, body, text: async () => '', json: async () => undefined };
  }

  #collection(path: string): Map<string, KubeObject> {
    let objects = this.#collections.get(path);
    if (!objects) {
      objects = new Map();
      this.#collections.set(path, objects);
    }
    return objects;
  }
}

interface Target {
  collection: string;
  group: string;
  resource: string;
  namespace: string;
  name: string;
  subresource: string;
}

function parsePath(path: string): Target {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const root = parts.splice(0, parts[0] === 'api' ? 2 : 3);
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? (parts.splice(0, 2)[1] ?? '') : '';
  const [resource = '', name = '', subresource = ''] = parts;
  const group = root.length === 3 ? root[1]! : '';
  return { collection: `/${root.join('/')}/${resource}`, group, resource, namespace, name, subresource };
}

function selected(object: KubeObject, target: Target, query: URLSearchParams): boolean {
  if (target.namespace && object.metadata.namespace !== target.namespace) return false;
  return (query.get('fieldSelector') ?? '')
    .split(',')
    .filter(Boolean)
    .every((term) => {
      const [path, value] = term.split('=');
      if (path === 'metadata.name') return object.metadata.name === value;
      if (path === 'metadata.namespace') return object.metadata.namespace === value;
      if (path === 'spec.nodeName') return (object as { spec?: { nodeName?: string } }).spec?.nodeName === value;
      if (path === 'type') return (object as { type?: string }).type === value;
      throw badRequest(`fake API: field selector ${term}`);
    });
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function missing(target: Target): never {
  throw notFound(target, target.name);
}

function answer(status: number, text: string): RawResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: (async function* () {
      yield Buffer.from(text);
    })(),
    text: async () => text,
    json: async () => JSON.parse(text),
  };
}
