import type { ApiResponse, UserInfo } from '../request.ts';
import { parseRequestInfo } from '../request-info.ts';
import { Cancellation, nobody, type ServerHandler, type ServerRequest, splitTarget } from './exchange.ts';
import { contentTypes } from './media-type.ts';
import { PushStream } from './push-stream.ts';
import { sharedValue, ValueFrame } from './shared-values.ts';

/** A request as client/client.ts has it (RawRequest); written down again because the server does not import its clients. */
export interface LocalRequest {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  signal?: AbortSignal;
  /** Others may be given the same objects: they will not be changed. */
  shared?: boolean;
}

export interface LocalResponse {
  status: number;
  headers: Record<string, string>;
  body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
  json(): Promise<unknown>;
  /** Of a watch, if the request says `shared`: its events. */
  values?: AsyncIterable<object>;
}

/** Structurally a Transport of client/client.ts. */
export interface LocalTransport {
  request(request: LocalRequest): Promise<LocalResponse>;
  close(): void;
}

/** Calls into this server from the same process, as `user`: the same chain, without TLS, HTTP or copies. */
export function localTransport(handle: ServerHandler, user: UserInfo): LocalTransport {
  return {
    async request(request) {
      const response = await handle(requestOf(request, user));
      return request.shared ? sharedResponse(response) : responseOf(response);
    },
    close() {},
  };
}

function requestOf(request: LocalRequest, user: UserInfo): ServerRequest {
  const { path, query } = splitTarget(request.path);
  const body = typeof request.body === 'string' ? Buffer.from(request.body) : (request.body ?? new Uint8Array());
  const headers: Record<string, string | undefined> = {};
  const cancellation = new Cancellation(request.signal);
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  return {
    method: request.method,
    target: request.path,
    path,
    query,
    headers,
    body: () => Promise.resolve(body),
    certificate: undefined,
    remoteAddress: '127.0.0.1',
    user: nobody,
    trustedUser: user,
    takesValues: request.shared ?? false,
    info: parseRequestInfo(request.method, path, query),
    warnings: new Set(),
    auditAnnotations: new Map(),
    cancellation,
  };
}

function responseOf({ status, headers, body }: ApiResponse): LocalResponse {
  return {
    status,
    headers,
    body: iterate(body),
    text: async () => (await whole(body)).toString('utf8'),
    json: async () => JSON.parse((await whole(body)).toString('utf8')),
  };
}

/** Lists in plain JSON, and watches in JSON, as values; any other answer is as it always is. */
function sharedResponse(response: ApiResponse): LocalResponse {
  const { body, items, headers } = response;
  const plain = responseOf(response);
  if (items && Array.isArray(body)) {
    const head = `${Buffer.from(body[0]!).toString('utf8')}]}`;
    return { ...plain, json: async () => ({ ...JSON.parse(head), items: items.map(sharedValue) }) };
  }
  if (!(body instanceof PushStream) || headers['content-type'] !== contentTypes.json) return plain;
  return { ...plain, values: valuesOf(body) };
}

async function* valuesOf(frames: AsyncIterable<Uint8Array>): AsyncGenerator<object> {
  for await (const frame of frames) yield frame instanceof ValueFrame ? frame.value : sharedValue(frame);
}

function iterate(body: ApiResponse['body']): AsyncIterable<Uint8Array> {
  if (!(body instanceof Uint8Array) && !Array.isArray(body)) return body;
  return {
    async *[Symbol.asyncIterator]() {
      if (body instanceof Uint8Array) yield body;
      else yield* body;
    },
  };
}

async function whole(body: ApiResponse['body']): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (Array.isArray(body)) return Buffer.concat(body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
