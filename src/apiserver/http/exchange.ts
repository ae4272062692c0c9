import type { Duplex, Readable } from 'node:stream';
import { badRequest, StatusError } from '../../api/status-error.ts';
import type { ApiRequest, ApiResponse, UserInfo } from '../request.ts';

/** The largest body of a request (apiserver DefaultMaxRequestSizeBytes). */
export const maxBodyBytes = 3 * 1024 * 1024;

/** A request as the server passes it on: the contract's, with what only HTTP/1.1 upgrades need. */
export interface ServerRequest extends ApiRequest {
  /** The path with its query, as it came. */
  target: string;
  /** A certificate came that our CA did not sign: an answer of 401, not an anonymous user. */
  badCertificate?: boolean;
  /** Set if the client asks to leave HTTP behind (exec, attach, port-forward). */
  upgrade?: Upgrade;
  /** Set by calls from within the process, which have proved who they are: authentication believes it. */
  trustedUser?: UserInfo;
  /** Set by calls from within the process that take the events of a watch as they are (ValueFrame). */
  takesValues?: boolean;
  /** Who is impersonating `user`. */
  realUser?: UserInfo;
  /** Warnings for the client, collected on the way. */
  warnings: Set<string>;
  /** What the audit log is to say of it beyond the request itself, collected on the way. */
  auditAnnotations: Map<string, string>;
  /** Ends all work on the request: the client has gone away, or has waited for too long. */
  cancellation: Cancellation;
}

/** The connection of an upgrade request, to be tunnelled. */
export interface Upgrade {
  socket: Duplex;
  /** What came after the request's head. */
  head: Buffer;
  /** Header names and values in turn, as they came. */
  rawHeaders: string[];
}

/** Like ApiResponse, or `hijacked`: the handler answers on the upgrade's socket itself. */
export interface ServerResponse extends ApiResponse {
  hijacked?: boolean;
}

export type ServerHandler = (request: ServerRequest) => Promise<ServerResponse>;

/** Collects a body, refusing what is too large. Not by iteration, which would destroy the stream that has to carry the answer. */
export function readBody(stream: Readable): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) reject(tooLarge());
      else chunks.push(chunk);
    });
    let ended = false;
    stream.on('end', () => {
      ended = true;
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    stream.on('error', reject);
    stream.on('close', () => {
      if (!ended) reject(bodyCutOff());
    });
  });
}

export function bodyCutOff(): StatusError {
  return badRequest('unexpected end of the request body');
}

export function tooLarge(): StatusError {
  return new StatusError({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: limit is ${maxBodyBytes}`,
  });
}

/** Whether a request still wants its answer; its signal is made when somebody asks for it: most are over before anybody does. */
export class Cancellation {
  /** Of who asks from within the process. */
  readonly #outer: AbortSignal | undefined;
  #controller: AbortController | undefined;
  #listener: (() => void) | undefined;
  /** Why the request is over; once set, it stays so. */
  #reason: Error | undefined;

  constructor(outer?: AbortSignal) {
    this.#outer = outer;
  }

  get signal(): AbortSignal {
    if (this.#outer) return this.#outer;
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error = clientGone): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#listener?.();
  }

  /**
   * Calls one listener when it is over, as the signal does: for requests of which many wait, as that costs a tenth.
   * Returns the end of it: the signal of who asks from within the process may outlive many requests.
   */
  onAbort(listener: () => void): () => void {
    const outer = this.#outer;
    if (this.#reason || outer?.aborted) listener();
    else if (outer) outer.addEventListener('abort', listener, { once: true });
    else this.#listener = listener;
    return () => outer?.removeEventListener('abort', listener);
  }

  /** Asked before work that would be in vain, and before every write. */
  throwIfAborted(): void {
    if (this.#reason) throw this.#reason;
    this.#outer?.throwIfAborted();
  }
}

/** Why a request's signal is aborted; made once, since an abort without a reason makes a costly DOMException each time. */
const clientGone = new Error('the client went away');

/** Makes a promise at the first call, and answers with it from then on. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Nobody yet: authentication says who. */
export const nobody: UserInfo = Object.freeze({ name: '', groups: [] });

/** Path and query of a request target. */
export function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}
