import type { TLSSocket } from 'node:tls';
import type { ApiResponse } from '../request.ts';
import { parseRequestInfo } from '../request-info.ts';
import {
  bodyCutOff,
  Cancellation,
  maxBodyBytes,
  nobody,
  type ServerHandler,
  type ServerRequest,
  splitTarget,
  tooLarge,
} from './exchange.ts';
import { Http2Connection } from './h2/connection.ts';
import { errorCode } from './h2/protocol.ts';
import type { ServerStream } from './h2/stream.ts';
import type { Peer } from './peer-certificate.ts';
import { type ByteSink, PushStream } from './push-stream.ts';

/** Serves HTTP/2 on a connection. */
export function serveHttp2(socket: TLSSocket, handle: ServerHandler, peer: Peer): Http2Connection {
  return new Http2Connection(socket, (stream) => {
    // The chain never throws; what it answers with may break midway.
    answer(stream, requestOf(stream, peer), handle).catch(() => stream.reset(errorCode.internalError));
  });
}

async function answer(stream: ServerStream, request: ServerRequest, handle: ServerHandler): Promise<void> {
  const { status, headers, body } = await handle(request);
  headers.date ??= httpDate();
  if (stream.closed || request.method === 'HEAD') {
    if (!isWhole(body)) (body as { cancel?: () => void }).cancel?.();
    stream.respond(status, headers);
  } else if (body instanceof Uint8Array) stream.respond(status, headers, body);
  else {
    stream.respondHead(status, headers);
    if (Array.isArray(body)) {
      stream.writeAll(body);
      stream.end();
    } else if (body instanceof PushStream) attach(stream, body);
    else await pipe(stream, body);
  }
}

const isWhole = (body: ApiResponse['body']) => body instanceof Uint8Array || Array.isArray(body);

function attach(stream: ServerStream, body: PushStream): void {
  const closed = stream.onClose;
  stream.onClose = () => {
    closed?.();
    body.cancel();
  };
  body.attach(new StreamSink(stream));
}

class StreamSink implements ByteSink {
  readonly #stream: ServerStream;

  constructor(stream: ServerStream) {
    this.#stream = stream;
  }

  write(chunks: Uint8Array[]): void {
    this.#stream.writeAll(chunks);
  }

  end(): void {
    this.#stream.end();
  }

  get backlog(): number {
    return this.#stream.queue.bytes;
  }
}

async function pipe(stream: ServerStream, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) {
    if (!stream.write(chunk)) await stream.drained();
    if (stream.closed) return;
  }
  stream.end();
}

function requestOf(stream: ServerStream, peer: Peer): ServerRequest {
  const { method, target, headers } = stream.head;
  const { path, query } = splitTarget(target);
  const cancellation = new Cancellation();
  stream.onClose = () => cancellation.abort();
  return {
    method,
    target,
    path,
    query,
    headers,
    body: () => stream.body(maxBodyBytes, tooLarge, bodyCutOff),
    ...peer,
    user: nobody,
    info: parseRequestInfo(method, path, query),
    warnings: new Set(),
    auditAnnotations: new Map(),
    cancellation,
  };
}

let dateMs = 0;
let date = '';

/** Made anew each second. */
function httpDate(): string {
  const now = Date.now();
  if (now - dateMs >= 1000 || now < dateMs) {
    dateMs = now - (now % 1000);
    date = new Date(dateMs).toUTCString();
  }
  return date;
}
