import type http2 from 'node:http2';
import { constants } from 'node:http2';

/**
 * gRPC without a library: a message is a POST to its method, each message framed by 5 bytes, the outcome in the
 * trailers (github.com/grpc/grpc doc/PROTOCOL-HTTP2.md).
 */

/** Status codes (grpc doc/statuscodes.md), by the names that Go's gRPC shows them with. */
export const grpcCodes = {
  OK: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

/** The server said no. */
export class GrpcError extends Error {
  readonly code: number;
  /** Its own words. */
  readonly details: string;

  constructor(method: string, code: number, details: string) {
    super(`${method}: ${details || `gRPC status ${code}`}`);
    this.name = 'GrpcError';
    this.code = code;
    this.details = details;
  }
}

/** The connection broke, or time was up, before the outcome was known. */
export class BrokenCallError extends Error {
  /** Whether the server cannot have seen the request, so that it may be sent again whatever it asks for. */
  readonly unsent: boolean;

  constructor(method: string, unsent: boolean, cause: unknown) {
    super(`${method}: no outcome`, { cause });
    this.name = 'BrokenCallError';
    this.unsent = unsent;
  }
}

/** One message there, one message back. */
export function unaryCall(
  session: http2.ClientHttp2Session,
  method: string,
  message: Uint8Array,
  timeoutMs: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const stream = open(session, method, { 'grpc-timeout': `${timeoutMs}m` }, (error) => {
      clearTimeout(timer);
      if (error) return reject(error);
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const [answer] = new Deframer().push(body);
      if (answer) resolve(answer);
      else reject(new BrokenCallError(method, false, new Error('the answer is empty')));
    });
    const timer = setTimeout(() => {
      reject(new BrokenCallError(method, false, new Error(`no answer within ${timeoutMs} ms`)));
      stream.close(constants.NGHTTP2_CANCEL);
    }, timeoutMs);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end(frame(message));
  });
}

/** One message there, many back, until the returned function is called or `onEnd`. */
export function streamCall(
  session: http2.ClientHttp2Session,
  method: string,
  message: Uint8Array,
  handlers: { onMessages(messages: Buffer[]): void; onEnd(error: Error | undefined): void },
): () => void {
  const deframer = new Deframer();
  // A member without a leader would go on answering with what it has: end the stream instead (etcd clientv3 WithRequireLeader).
  const stream = open(session, method, { hasleader: 'true' }, handlers.onEnd);
  stream.on('data', (chunk: Buffer) => {
    const messages = deframer.push(chunk);
    if (messages.length > 0) handlers.onMessages(messages);
  });
  // Half open: the server ends the stream when we do.
  stream.write(frame(message));
  return () => stream.close(constants.NGHTTP2_CANCEL);
}

/** Opens a stream; `onEnd` is called once. */
function open(
  session: http2.ClientHttp2Session,
  method: string,
  headers: http2.OutgoingHttpHeaders,
  onEnd: (error: Error | undefined) => void,
): http2.ClientHttp2Stream {
  let outcome: http2.IncomingHttpHeaders | undefined;
  let failure: unknown;
  const stream = session.request({
    ':method': 'POST',
    ':path': method,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('response', (response) => {
    if (response['grpc-status'] !== undefined) outcome = response;
    else if (response[':status'] !== 200) failure = new Error(`HTTP status ${response[':status']}`);
  });
  stream.on('trailers', (trailers) => {
    outcome = trailers;
  });
  stream.on('error', (error) => {
    failure = error;
  });
  stream.once('close', () => {
    if (!outcome) return onEnd(new BrokenCallError(method, isUnsent(failure), failure));
    const code = Number(outcome['grpc-status']);
    onEnd(code === grpcCodes.OK ? undefined : new GrpcError(method, code, messageOf(outcome)));
  });
  return stream;
}

function messageOf(trailers: http2.IncomingHttpHeaders): string {
  const text = String(trailers['grpc-message'] ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** RFC 9113 section 8.7: what is refused, or came after GOAWAY, has not been processed. */
function isUnsent(error: unknown): boolean {
  const { code, message = '' } = (error ?? {}) as NodeJS.ErrnoException;
  return (
    code === 'ERR_HTTP2_GOAWAY_SESSION' ||
    code === 'ERR_HTTP2_INVALID_SESSION' ||
    message.includes('NGHTTP2_REFUSED_STREAM')
  );
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** Cuts a stream of bytes into messages. */
class Deframer {
  /** What has come of a message that is not complete. */
  #parts: Buffer[] = [];
  #length = 0;

  push(chunk: Buffer): Buffer[] {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed()) return [];
    let bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#length);
    const messages: Buffer[] = [];
    while (bytes.length >= 5) {
      const end = 5 + bytes.readUInt32BE(1);
      if (bytes.length < end) break;
      messages.push(bytes.subarray(5, end));
      bytes = bytes.subarray(end);
    }
    this.#parts = bytes.length > 0 ? [bytes] : [];
    this.#length = bytes.length;
    return messages;
  }

  /** Bytes until the first message is complete, as far as its head is there. */
  #needed(): number {
    const [first] = this.#parts;
    return first && first.length >= 5 ? 5 + first.readUInt32BE(1) : 5;
  }
}
