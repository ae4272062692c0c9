import http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenCallError, GrpcError, grpcCodes, streamCall, unaryCall } from '../base/grpc.ts';
import type { Logger } from '../base/log.ts';

export interface EtcdAddress {
  /** 'http://127.0.0.1:2379'; any of them will do. */
  endpoints: string[];
  /** PEM: whom to trust (default: the system's), and who we are. */
  tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined };
  /** How long a request may take in all, while etcd restarts or elects a leader. @default 10 s */
  timeoutMs?: number;
}

const defaultTimeoutMs = 10_000;
const connectTimeoutMs = 2000;
const firstRetryMs = 50;
const lastRetryMs = 1000;
/** A silent connection is pinged, and given up when the answer does not come in time. */
const pingEveryMs = 10_000;
/** What the server may send before we have taken it: large ranges and bursts of events. */
const windowBytes = 16 << 20;

/** One HTTP/2 connection to one of etcd's members, made anew, perhaps to another one, after it broke. */
export class EtcdConnection {
  readonly #address: EtcdAddress;
  readonly #log: Logger;
  /** The connection in use, or on its way; undefined until needed and after it broke. */
  #session: Promise<http2.ClientHttp2Session> | undefined;
  /** Index of the endpoint that is tried first. */
  #next = 0;
  /** Aborted by close(). */
  readonly #closing = new AbortController();

  constructor(address: EtcdAddress, log: Logger) {
    this.#address = address;
    this.#log = log;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Sends a request that may be sent again if it is not known whether it arrived. */
  read(method: string, message: Uint8Array): Promise<Buffer> {
    return this.#call(method, message, canRepeatRead);
  }

  /** Sends a request that must not be carried out twice. */
  write(method: string, message: Uint8Array): Promise<Buffer> {
    return this.#call(method, message, canRepeatWrite);
  }

  /** A stream of answers; rejects if no endpoint can be reached just now. */
  async stream(
    method: string,
    message: Uint8Array,
    handlers: { onMessages(messages: Buffer[]): void; onEnd(error: Error | undefined): void },
  ): Promise<() => void> {
    return streamCall(await this.#connected(), method, message, handlers);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const session = await this.#session?.catch(() => undefined);
    session?.destroy();
  }

  async #call(method: string, message: Uint8Array, canRepeat: (error: unknown) => boolean): Promise<Buffer> {
    const deadline = performance.now() + (this.#address.timeoutMs ?? defaultTimeoutMs);
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(2 * delayMs, lastRetryMs)) {
      try {
        const session = await this.#connected();
        return await unaryCall(session, method, message, Math.max(1, Math.ceil(deadline - performance.now())));
      } catch (error) {
        if (this.closed) throw new Error('the connection to etcd is closed');
        if (performance.now() + delayMs > deadline || !canRepeat(error)) throw error;
        await sleep(delayMs);
      }
    }
  }

  #connected(): Promise<http2.ClientHttp2Session> {
    if (this.closed) return Promise.reject(new Error('the connection to etcd is closed'));
    this.#session ??= this.#connect().catch((error) => {
      this.#session = undefined;
      throw error;
    });
    return this.#session;
  }

  /** The first endpoint that answers, beginning with the one that was tried last. */
  async #connect(): Promise<http2.ClientHttp2Session> {
    const { endpoints } = this.#address;
    const failures: string[] = [];
    for (let tries = 0; tries < endpoints.length; tries++) {
      const endpoint = endpoints[this.#next]!;
      try {
        const session = await this.#connectTo(endpoint);
        this.#follow(session, endpoint);
        return session;
      } catch (error) {
        failures.push(`${endpoint}: ${(error as Error).message}`);
        this.#next = (this.#next + 1) % endpoints.length;
      }
    }
    throw new UnreachableError(failures);
  }

  #connectTo(endpoint: string): Promise<http2.ClientHttp2Session> {
    return new Promise((resolve, reject) => {
      const session = http2.connect(endpoint, {
        ...this.#address.tls,
        settings: { initialWindowSize: windowBytes, enablePush: false },
      });
      const fail = (error: Error) => {
        clearTimeout(timer);
        session.destroy();
        reject(error);
      };
      const silent = () => fail(new Error(`no answer within ${connectTimeoutMs / 1000} s`));
      const timer = setTimeout(silent, connectTimeoutMs);
      session.on('error', fail);
      session.once('close', () => fail(new Error('the connection was closed at once')));
      session.once('connect', (_session, socket) => {
        session.setLocalWindowSize(windowBytes);
        // A server that refuses our certificate says so only now, and Node does not tell the session.
        socket.once('error', fail);
      });
      // It speaks HTTP/2, and wants us.
      session.once('remoteSettings', () => {
        clearTimeout(timer);
        resolve(session);
      });
    });
  }

  #follow(session: http2.ClientHttp2Session, endpoint: string): void {
    const { signal } = this.#closing;
    const end = () => session.destroy();
    const forget = () => {
      signal.removeEventListener('abort', end);
      if (this.#session) this.#log.warn('connection to etcd lost', { endpoint });
      this.#session = undefined;
    };
    signal.addEventListener('abort', end);
    session.once('close', () => {
      clearInterval(timer);
      if (!signal.aborted) forget();
    });
    session.once('goaway', end);
    let waiting = false;
    const timer = setInterval(() => {
      if (waiting) return session.destroy(new Error(`no answer to a ping within ${pingEveryMs / 1000} s`));
      waiting = true;
      session.ping((error) => {
        if (!error) waiting = false;
      });
    }, pingEveryMs).unref();
  }
}

/** None of the endpoints takes a connection. */
export class UnreachableError extends Error {
  constructor(failures: string[]) {
    super(`cannot reach etcd at ${failures.join('; ')}`);
    this.name = 'UnreachableError';
  }
}

/** Nothing has been sent, or the server has certainly not looked at it. */
function canRepeatWrite(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof BrokenCallError && error.unsent);
}

function canRepeatRead(error: unknown): boolean {
  if (error instanceof GrpcError) return error.code === grpcCodes.Unavailable;
  return error instanceof UnreachableError || error instanceof BrokenCallError;
}
