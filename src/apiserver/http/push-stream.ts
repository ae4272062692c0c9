/** Where a stream's bytes go. */
export interface ByteSink {
  /** Writes these chunks as one. */
  write(chunks: Uint8Array[]): void;
  end(): void;
  /** Bytes that the peer has not taken yet. */
  readonly backlog: number;
}

/** A consumer that is this far behind is cut off; it comes back and lists anew, as with kube-apiserver's watch cache. */
const maxBacklogBytes = 32 << 20;

/**
 * A sink that has just been written to waits so long for more: a write costs as much as encrypting many events. The first
 * event after a while goes out at once.
 */
const spacingMs = 5;

/**
 * A body that is produced as things happen. Chunks pushed in one turn of the event loop, or soon after others, are written
 * as one. It can be attached to a sink, which costs no promise per chunk, or iterated.
 */
export class PushStream implements AsyncIterable<Uint8Array> {
  /** Pushed, not yet written. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #sink: ByteSink | undefined;
  /** Whether a flush is due, in this turn or in a few milliseconds. */
  #scheduled = false;
  /** When the sink was last written to. */
  #writtenMs = Number.NEGATIVE_INFINITY;
  #ended = false;
  /** Wakes an iterator that waits for more. */
  #wake: (() => void) | undefined;
  readonly #onClose: () => void;
  readonly #now: () => number;
  /** Whether #onClose was called. */
  #closed = false;

  /** `onClose` is called once, when the stream ends or its consumer goes away; `now` is milliseconds from anywhere. */
  constructor(onClose: () => void, now = () => performance.now()) {
    this.#onClose = onClose;
    this.#now = now;
  }

  push(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes + (this.#sink?.backlog ?? 0) > maxBacklogBytes) {
      this.#pending = [];
      this.end();
      return;
    }
    this.#schedule();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#schedule();
    this.#close();
  }

  /** The consumer is gone: nothing more is kept. */
  cancel(): void {
    this.#ended = true;
    this.#pending = [];
    this.#sink = undefined;
    this.#wake?.();
    this.#close();
  }

  attach(sink: ByteSink): void {
    this.#sink = sink;
    this.#flush();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunks = this.#pending;
        this.#pending = [];
        this.#pendingBytes = 0;
        yield* chunks;
        if (this.#pending.length > 0) continue;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.cancel();
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const due = () => {
      this.#scheduled = false;
      this.#flush();
      this.#wake?.();
    };
    if (this.#sink && this.#now() < this.#writtenMs + spacingMs) later(due);
    else queueMicrotask(due);
  }

  #flush(): void {
    if (!this.#sink) return;
    if (this.#pending.length > 0) {
      this.#writtenMs = this.#now();
      this.#sink.write(joined(this.#pending, this.#pendingBytes));
    }
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#ended) this.#sink.end();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
  }
}

/** Larger ones, such as a watch's initial events, are not worth a copy. */
const maxJoinedBytes = 256 << 10;

/** What was joined last: watchers of one resource are given the same events, so that one copy does for all of them. */
let newest: { chunks: Uint8Array[]; whole: Uint8Array[] } = { chunks: [], whole: [] };

function joined(chunks: Uint8Array[], bytes: number): Uint8Array[] {
  if (chunks.length === 1 || bytes > maxJoinedBytes) return chunks;
  const same = newest.chunks.length === chunks.length && chunks.every((chunk, i) => chunk === newest.chunks[i]);
  if (!same) newest = { chunks, whole: [Buffer.concat(chunks, bytes)] };
  return newest.whole;
}

/** Flushes that wait for more; they go out together, so that what is alike is joined once. */
let waiting: (() => void)[] = [];

function later(flush: () => void): void {
  waiting.push(flush);
  if (waiting.length > 1) return;
  setTimeout(() => {
    const due = waiting;
    waiting = [];
    for (const one of due) one();
  }, spacingMs);
}
