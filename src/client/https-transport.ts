import http2 from 'node:http2';
import type { RawRequest, RawResponse, Transport } from './client.ts';

export interface HttpsOptions {
  /** 'https://127.0.0.1:6443'. */
  server: string;
  /** PEM of the authorities to trust. @default the system's */
  ca?: string;
  /** PEM of the client certificate and its key. */
  cert?: string;
  key?: string;
  /** Bearer token, or a function that returns the current one. */
  token?: string | (() => string | undefined);
  /** Accept any server certificate. @default false */
  insecure?: boolean;
  /** Name to verify the server's certificate against. @default the host of `server` */
  serverName?: string;
}

/** As client-go: a silent connection is pinged, and given up when the answer does not come. */
const pingEveryMs = 15_000;
/** Large lists would stall on HTTP/2's default window of 64 KiB. */
const windowBytes = 4 << 20;

/**
 * Requests over one HTTP/2 connection, made on first use and again after it broke. The connection keeps the process
 * alive only while requests are under way.
 */
export function httpsTransport(options: HttpsOptions): Transport {
  return new HttpsTransport(options);
}

class HttpsTransport implements Transport {
  readonly #options: HttpsOptions;
  /** The connection that new requests use; undefined until needed or after it broke. */
  #session: http2.ClientHttp2Session | undefined;
  #closed = false;

  constructor(options: HttpsOptions) {
    this.#options = options;
  }

  async request(request: RawRequest): Promise<RawResponse> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#send(request);
      } catch (error) {
        // The server was going away and has not looked at the request (RFC 9113 section 8.7): safe to send again.
        if (attempt > 0 || request.signal?.aborted || !neverProcessed(error)) throw error;
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #send(request: RawRequest): Promise<RawResponse> {
    if (this.#closed) return Promise.reject(new Error(`${request.method} ${request.path}: client is closed`));
    if (request.signal?.aborted) return Promise.reject(abortError(request));
    const session = this.#connected();
    const stream = session.request(this.#headers(request), { endStream: request.body === undefined });
    retain(session, stream);
    if (request.body !== undefined) stream.end(request.body);
    return new Promise((resolve, reject) => {
      // 'abort' listeners go with the stream: a signal often outlives thousands of requests.
      const abort = () => stream.close(http2.constants.NGHTTP2_CANCEL);
      request.signal?.addEventListener('abort', abort);
      let failure: unknown;
      let answered = false;
      stream.on('error', (error) => {
        failure = error;
      });
      stream.once('close', () => {
        request.signal?.removeEventListener('abort', abort);
        // After the response it is the body that ends with the error.
        if (answered) return;
        reject(request.signal?.aborted ? abortError(request) : connectionError(this.#options.server, request, failure));
      });
      stream.once('response', (headers) => {
        answered = true;
        resolve(toResponse(headers, stream));
      });
    });
  }

  #headers(request: RawRequest): http2.OutgoingHttpHeaders {
    const { token } = this.#options;
    const bearer = typeof token === 'function' ? token() : token;
    return {
      ...request.headers,
      ':method': request.method,
      ':path': request.path,
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
    };
  }

  #connected(): http2.ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { server, ca, cert, key, insecure, serverName } = this.#options;
    const session = http2.connect(server, {
      ca,
      cert,
      key,
      servername: serverName,
      rejectUnauthorized: !insecure,
      ALPNProtocols: ['h2'],
      settings: { initialWindowSize: windowBytes, enablePush: false },
    });
    session.once('connect', () => session.setLocalWindowSize(windowBytes * 2));
    // Reported to each request by its own stream.
    session.on('error', () => {});
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    session.once('close', forget);
    session.once('goaway', forget);
    keepAlive(session);
    this.#session = session;
    return session;
  }
}

/** How many requests are under way on each connection: it is referenced while there are any. */
const active = new WeakMap<http2.ClientHttp2Session, number>();

function retain(session: http2.ClientHttp2Session, stream: http2.ClientHttp2Stream): void {
  const count = (active.get(session) ?? 0) + 1;
  active.set(session, count);
  if (count === 1 && !session.destroyed) session.ref();
  stream.once('close', () => {
    const left = (active.get(session) ?? 1) - 1;
    active.set(session, left);
    if (left === 0 && !session.destroyed) session.unref();
  });
}

/** Notices a server that has gone without closing the connection. */
function keepAlive(session: http2.ClientHttp2Session): void {
  let waiting = false;
  const timer = setInterval(() => {
    if (session.destroyed || session.connecting) return;
    if (waiting) return session.destroy(new Error(`no answer to a ping within ${pingEveryMs / 1000} s`));
    waiting = true;
    session.ping((error) => {
      if (!error) waiting = false;
    });
  }, pingEveryMs).unref();
  session.once('close', () => clearInterval(timer));
}

function toResponse(headers: http2.IncomingHttpHeaders, stream: http2.ClientHttp2Stream): RawResponse {
  const text = async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8');
  };
  return {
    status: Number(headers[':status']),
    headers: headers as Record<string, string>,
    body: stream,
    text,
    json: async () => JSON.parse(await text()),
  };
}

function neverProcessed(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const message = cause instanceof Error ? cause.message : '';
  return (
    code === 'ERR_HTTP2_GOAWAY_SESSION' ||
    code === 'ERR_HTTP2_INVALID_SESSION' ||
    (code === 'ERR_HTTP2_STREAM_ERROR' && message.includes('NGHTTP2_REFUSED_STREAM'))
  );
}

function connectionError(server: string, request: RawRequest, cause: unknown): Error {
  return new Error(`${request.method} ${server}${request.path}: connection failed`, { cause });
}

function abortError(request: RawRequest): Error {
  return new DOMException(`${request.method} ${request.path}: aborted`, 'AbortError');
}
