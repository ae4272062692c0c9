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
 * A body that is produced as things happen. Chunks pushed in one turn of the event loop are written as one. It can be
 * attached to a sink, which costs no promise per chunk, or iterated.
 */
export class PushStream implements AsyncIterable<Uint8Array> {
  /** Pushed, not yet written. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #sink: ByteSink | undefined;
  /** Whether a flush is due in this turn. */
  #scheduled = false;
  #ended = false;
  /** Wakes an iterator that waits for more. */
  #wake: (() => void) | undefined;
  readonly #onClose: () => void;
  /** Whether #onClose was called. */
  #closed = false;

  /** `onClose` is called once, when the stream ends or its consumer goes away. */
  constructor(onClose: () => void) {
    this.#onClose = onClose;
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
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
      this.#wake?.();
    });
  }

  #flush(): void {
    if (!this.#sink) return;
    if (this.#pending.length > 0) this.#sink.write(this.#pending);
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
