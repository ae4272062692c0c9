import type { Writable } from 'node:stream';
import type { ApiResponse } from '../request.ts';
import { type ByteSink, PushStream } from './push-stream.ts';

/** So much is handed over before waiting for the peer to take it. */
const windowBytes = 4 << 20;

/** Sends a body and ends the stream. `fail` is called if the source of the bytes breaks midway. */
export async function sendBody(out: Writable, body: ApiResponse['body'], fail: () => void): Promise<void> {
  if (body instanceof Uint8Array) {
    out.end(body);
    return;
  }
  if (Array.isArray(body)) return sendChunks(out, body);
  if (body instanceof PushStream) return attach(out, body);
  try {
    for await (const chunk of body) {
      if (out.destroyed) return;
      if (!out.write(chunk)) await drained(out);
    }
    out.end();
  } catch {
    fail();
  }
}

/** Many small buffers, such as the objects of a list: corked, so that they leave in a few large writes. */
async function sendChunks(out: Writable, chunks: Uint8Array[]): Promise<void> {
  let bytes = 0;
  out.cork();
  for (const chunk of chunks) {
    out.write(chunk);
    bytes += chunk.length;
    if (bytes < windowBytes) continue;
    bytes = 0;
    out.uncork();
    if (out.writableNeedDrain) await drained(out);
    if (out.destroyed) return;
    out.cork();
  }
  out.uncork();
  out.end();
}

function attach(out: Writable, stream: PushStream): void {
  const sink: ByteSink = {
    write(chunks) {
      if (chunks.length === 1) {
        out.write(chunks[0]);
        return;
      }
      out.cork();
      for (const chunk of chunks) out.write(chunk);
      out.uncork();
    },
    end: () => void out.end(),
    get backlog() {
      return out.writableLength;
    },
  };
  out.once('close', () => stream.cancel());
  stream.attach(sink);
}

function drained(out: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      out.off('drain', done);
      out.off('close', done);
      resolve();
    };
    out.once('drain', done);
    out.once('close', done);
  });
}
