import type { Draft, KubeList, KubeObject, StatusObject, WatchEvent } from '../api/object.ts';
import { apiVersionOf, type Resource, type ResourceInfo } from '../api/resource.ts';
import { StatusError } from '../api/status-error.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  Patch,
  RawRequest,
  RawResponse,
  Transport,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { requestPatiently } from './retry-later.ts';
import { splitLines } from './split-lines.ts';

export interface RestOptions {
  /** Sent as fieldManager with every write that names none. */
  fieldManager?: string;
  /** The User-Agent header. @default vitrine */
  userAgent?: string;
}

/** The Kubernetes API in JSON over any transport. */
export function createClient(transport: Transport, options: RestOptions = {}): Client {
  const send = (request: RawRequest) =>
    requestPatiently(transport, {
      ...request,
      headers: { accept: 'application/json', 'user-agent': options.userAgent ?? 'vitrine', ...request.headers },
    });

  const read = async (path: string, shared = false) => {
    const response = await send({ method: 'GET', path, shared });
    if (response.status >= 400) throw await failure(response, 'GET', path);
    return response.json();
  };

  const call = async (method: string, path: string, body?: unknown, contentType = 'application/json') => {
    const headers = body === undefined ? undefined : { 'content-type': contentType };
    const response = await send({ method, path, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    if (response.status >= 400) throw await failure(response, method, path);
    return response.json();
  };

  const writeQuery = (write: WriteOptions = {}) => ({
    fieldManager: write.fieldManager ?? options.fieldManager,
    dryRun: write.dryRun ? 'All' : undefined,
  });

  return {
    get: async <T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string) =>
      (await read(pathOf(resource, namespace, name))) as T,

    list: async <T extends KubeObject>(resource: Resource<T>, list: ListOptions = {}) => {
      const answer = await read(pathOf(resource, list.namespace) + query(listQuery(list)), list.shared);
      return withTypes(resource, answer as KubeList<T>);
    },

    create: async <T extends KubeObject>(resource: Resource<T>, object: Draft<T>, write?: WriteOptions) => {
      // Only subresources (binding, eviction, token) are posted under a name.
      const name = write?.subresource ? object.metadata.name : undefined;
      const path = pathOf(resource, object.metadata.namespace, name, write?.subresource) + query(writeQuery(write));
      const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
      return (await call('POST', path, body)) as T;
    },

    update: async <T extends KubeObject>(resource: Resource<T>, object: T, write?: WriteOptions) => {
      const { name, namespace } = object.metadata;
      return (await call(
        'PUT',
        pathOf(resource, namespace, name, write?.subresource) + query(writeQuery(write)),
        object,
      )) as T;
    },

    patch: async <T extends KubeObject>(
      resource: Resource<T>,
      name: string,
      namespace: string | undefined,
      patch: Patch,
      write?: WriteOptions,
    ) => {
      const force = patch.type === 'apply' && patch.force ? 'true' : undefined;
      const path = pathOf(resource, namespace, name, write?.subresource) + query({ ...writeQuery(write), force });
      return (await call('PATCH', path, patch.body, patchTypes[patch.type])) as T;
    },

    delete: async (resource, name, namespace, deletion) => {
      await call('DELETE', pathOf(resource, namespace, name), deleteBody(deletion));
    },

    deleteCollection: async (resource, both) => {
      const path = pathOf(resource, both.namespace) + query(listQuery(both));
      await call('DELETE', path, deleteBody(both));
    },

    watch: (resource, watch) => watchEvents(send, resource, watch),
    request: send,
    close: () => transport.close(),
  };
}

/** Every page of a list, `limit` objects a request; the resourceVersion is that of all pages. */
export async function listAll<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  options: ListOptions & { limit: number },
): Promise<KubeList<T>> {
  const first = await client.list(resource, options);
  const items = first.items;
  let next = first.metadata.continue;
  while (next) {
    // A continue token carries the revision already: sending resourceVersion beside it is refused.
    const page = await client.list(resource, { ...options, resourceVersion: undefined, continue: next });
    for (const item of page.items) items.push(item);
    next = page.metadata.continue;
  }
  return { ...first, metadata: { resourceVersion: first.metadata.resourceVersion }, items };
}

/** '/api/v1/namespaces/x/pods/y/status', '/apis/apps/v1/deployments'. */
export function pathOf(resource: ResourceInfo, namespace?: string, name?: string, subresource?: string): string {
  let path = resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
  if (resource.namespaced && namespace) path += `/namespaces/${encodeURIComponent(namespace)}`;
  path += `/${resource.resource}`;
  if (name) path += `/${encodeURIComponent(name)}`;
  if (subresource) path += `/${subresource}`;
  return path;
}

/** The failure that a response with status >= 400 carries: its Status, or one made from the HTTP code. */
export async function failure(response: RawResponse, method: string, path: string): Promise<StatusError> {
  const text = await response.text();
  try {
    const status = JSON.parse(text) as StatusObject;
    if (status?.kind === 'Status') return fromStatus(status, response.status);
  } catch {
    // Not JSON: some proxy's or handler's own text, used as the message below.
  }
  const reason = reasons[response.status] ?? 'Unknown';
  return new StatusError({
    code: response.status,
    reason,
    message: text.trim() || `${method} ${path}: the server answered ${response.status}`,
  });
}

async function* watchEvents<T extends KubeObject>(
  send: (request: RawRequest) => Promise<RawResponse>,
  resource: Resource<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const path =
    pathOf(resource, options.namespace) +
    query({
      watch: 'true',
      ...listQuery(options),
      allowWatchBookmarks: options.allowWatchBookmarks ? 'true' : undefined,
      timeoutSeconds: options.timeoutSeconds?.toString(),
    });
  const { signal, shared = false } = options;
  const response = await send({ method: 'GET', path, signal, shared });
  if (response.status >= 400) throw await failure(response, 'GET', path);
  for await (const value of eventsOf(response)) {
    const event = value as WatchEvent<T>;
    if (event.type === 'ERROR') throw fromStatus(event.object, 500);
    yield event;
  }
}

/** The events that a watch was answered with. */
export function eventsOf({ values, body }: RawResponse): AsyncIterable<object> {
  return values ?? parsedLines(body);
}

async function* parsedLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<object> {
  for await (const lines of splitLines(body)) for (const line of lines) yield JSON.parse(line) as object;
}

function fromStatus(status: StatusObject, code: number): StatusError {
  return new StatusError({
    code: status.code ?? code,
    reason: status.reason ?? '',
    message: status.message,
    details: status.details,
  });
}

/** Items of a list of a built-in kind come without apiVersion and kind; everyone above wants to see them. */
function withTypes<T extends KubeObject>(resource: Resource<T>, list: KubeList<T>): KubeList<T> {
  const apiVersion = apiVersionOf(resource);
  list.items ??= [];
  for (const item of list.items) {
    item.apiVersion ??= apiVersion;
    item.kind ??= resource.kind;
  }
  return list;
}

const listQuery = (options: ListOptions) => ({
  labelSelector: options.labelSelector,
  fieldSelector: options.fieldSelector,
  limit: options.limit?.toString(),
  continue: options.continue,
  resourceVersion: options.resourceVersion,
});

function query(parameters: Record<string, string | undefined>): string {
  let text = '';
  for (const [name, value] of Object.entries(parameters)) {
    if (value) text += `${text ? '&' : '?'}${name}=${encodeURIComponent(value)}`;
  }
  return text;
}

function deleteBody(options: DeleteOptions | undefined) {
  if (!options) return undefined;
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  return { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds, propagationPolicy, preconditions };
}

const patchTypes: Record<Patch['type'], string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  // JSON is YAML.
  apply: 'application/apply-patch+yaml',
};

/** Reasons of answers that carry no Status (apimachinery pkg/api/errors NewGenericServerResponse). */
const reasons: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};
