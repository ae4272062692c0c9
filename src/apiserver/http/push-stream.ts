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

/** A body that is produced as things happen. It can be attached to a sink, which costs no promise per chunk, or iterated. */
export class PushStream implements AsyncIterable<Uint8Array> {
  /** Pushed, not yet written. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #mostBacklog = maxBacklogBytes;
  #sink: ByteSink | undefined;
  /** Whether a flush is due in this turn. */
  #scheduled = false;
  #ended = false;
  /** Wakes an iterator that waits for more. */
  #wake: (() => void) | undefined;
  readonly #onClose: () => void;
  /** Whether #onClose was called. */
  #closed = false;
  /** Called when there is a sink. */
  onAttach: () => void = () => {};

  /** `onClose` is called once, when the stream ends or its consumer goes away. */
  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  /** Something to begin with, however much there is of it: who takes long for that may be as much further behind. */
  begin(chunk: Uint8Array): void {
    this.#mostBacklog += chunk.length;
    this.push(chunk);
  }

  /** The chunk goes out at the end of this turn of the event loop, with what else is pushed in it. */
  push(chunk: Uint8Array): void {
    if (this.#keep(chunk)) this.#schedule();
  }

  /** The chunk goes out at once, behind what was pushed. */
  write(chunk: Uint8Array): void {
    if (this.#keep(chunk)) this.#flush();
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
    if (!this.#ended) this.onAttach();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunks = this.#pending;
        this.#pending = [];
        this.#pendingBytes = 0;
        // Not yield*, which makes several promises for each.
        for (const chunk of chunks) yield chunk;
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

  /** Whether the chunk is to be written: the stream has not ended, and its consumer keeps up. */
  #keep(chunk: Uint8Array): boolean {
    if (this.#ended) return false;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes + (this.#sink?.backlog ?? 0) <= this.#mostBacklog) return true;
    this.#pending = [];
    this.end();
    return false;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const due = () => {
      this.#scheduled = false;
      this.#flush();
      this.#wake?.();
    };
    // Who iterates is in this process: the answer to the write that they are told of goes out before.
    if (this.#sink) queueMicrotask(due);
    else setImmediate(due);
  }

  #flush(): void {
    if (!this.#sink) return;
    const chunks = this.#pending;
    if (chunks.length > 0) {
      this.#pending = [];
      this.#pendingBytes = 0;
      this.#sink.write(chunks);
    }
    if (this.#ended) this.#sink.end();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
  }
}
