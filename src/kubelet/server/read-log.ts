import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { type CriLine, parseCriLine } from './cri-log.ts';

export interface LogOptions {
  follow: boolean;
  tailLines: number | undefined;
  /** Milliseconds since the epoch; earlier lines are left out. */
  sinceMs: number | undefined;
  timestamps: boolean;
  limitBytes: number | undefined;
  stream: 'All' | 'Stdout' | 'Stderr';
}

export interface LogSink {
  /** Resolves when more may be written. */
  write(chunk: Buffer): Promise<void>;
  /** Aborted when the reader is gone. */
  signal: AbortSignal;
}

const blockBytes = 64 * 1024;
/** Longest time between two looks at a followed log: inotify tells most changes at once. */
const pollMs = 250;

/**
 * Sends a container's log (kubelet kuberuntime/logs ReadLogs): the last `tailLines`, then what is appended, across
 * rotation by rename, until the container has ended and everything is read.
 */
export async function readLog(
  file: string,
  options: LogOptions,
  sink: LogSink,
  isRunning: () => boolean,
): Promise<void> {
  let handle = await open(file, 'r');
  try {
    const writer = new LineWriter(options, sink);
    let position = options.tailLines === undefined ? 0 : await tailOffset(handle, options.tailLines);
    const change = options.follow ? new ChangeSignal(file, sink.signal) : undefined;
    try {
      for (;;) {
        const running = isRunning();
        position = await drain(handle, position, writer, sink);
        if (writer.full || sink.signal.aborted) return;
        if (!change) return;
        const next = await rotated(handle, file);
        if (next) {
          await drain(handle, position, writer, sink);
          await handle.close();
          handle = next;
          position = 0;
        } else if (!running) return;
        else await change.next();
      }
    } finally {
      change?.close();
      await writer.flush();
    }
  } finally {
    await handle.close();
  }
}

/** Reads to the end of the file; returns the position after the last whole line. */
async function drain(handle: FileHandle, from: number, writer: LineWriter, sink: LogSink): Promise<number> {
  const buffer = Buffer.allocUnsafe(blockBytes);
  let position = from;
  let rest: Buffer = Buffer.alloc(0);
  while (!sink.signal.aborted && !writer.full) {
    const { bytesRead } = await handle.read(buffer, 0, blockBytes, position + rest.length);
    if (bytesRead === 0) break;
    const data = rest.length ? Buffer.concat([rest, buffer.subarray(0, bytesRead)]) : buffer.subarray(0, bytesRead);
    const end = data.lastIndexOf(10) + 1;
    for (let start = 0; start < end; ) {
      const newline = data.indexOf(10, start);
      writer.line(data.toString('utf8', start, newline));
      start = newline + 1;
    }
    rest = Buffer.from(data.subarray(end));
    position += end;
    await writer.flush();
  }
  return position;
}

/** The new file, if the log was renamed away. */
async function rotated(handle: FileHandle, file: string): Promise<FileHandle | undefined> {
  const [mine, theirs] = await Promise.all([handle.stat(), stat(file).catch(() => undefined)]);
  return theirs && theirs.ino !== mine.ino ? open(file, 'r').catch(() => undefined) : undefined;
}

/** Offset of the last `count` lines, by blocks from the end. */
export async function tailOffset(handle: FileHandle, count: number): Promise<number> {
  const { size } = await handle.stat();
  if (count === 0) return size;
  const buffer = Buffer.allocUnsafe(blockBytes);
  let left = count + 1;
  for (let end = size; end > 0; end -= blockBytes) {
    const start = Math.max(0, end - blockBytes);
    const { bytesRead } = await handle.read(buffer, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (buffer[at] === 10 && --left === 0) return start + at + 1;
    }
  }
  return 0;
}

/** Turns CRI lines into what the user sees, gathered into chunks. */
class LineWriter {
  readonly #options: LogOptions;
  readonly #sink: LogSink;
  #parts: Buffer[] = [];
  /** Bytes that may still be sent. */
  #left: number;
  /** Lines that may still be sent: what is appended while we read is none of the last ones. */
  #linesLeft: number;
  /** The line before was partial: its time stands already. */
  #midLine = false;

  constructor(options: LogOptions, sink: LogSink) {
    this.#options = options;
    this.#sink = sink;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    this.#linesLeft = options.follow ? Number.POSITIVE_INFINITY : (options.tailLines ?? Number.POSITIVE_INFINITY);
  }

  get full(): boolean {
    return this.#left <= 0 || this.#linesLeft <= 0;
  }

  line(raw: string): void {
    const line = parseCriLine(raw);
    if (!line || this.full) return;
    this.#linesLeft--;
    if (!this.#wanted(line)) return;
    const stamp = this.#options.timestamps && !this.#midLine ? `${line.time} ` : '';
    this.#midLine = line.partial;
    const bytes = Buffer.from(`${stamp}${line.text}${line.partial ? '' : '\n'}`);
    const kept = bytes.subarray(0, Math.min(bytes.length, this.#left));
    this.#left -= kept.length;
    this.#parts.push(kept);
  }

  async flush(): Promise<void> {
    if (this.#parts.length === 0) return;
    const chunk = Buffer.concat(this.#parts);
    this.#parts = [];
    await this.#sink.write(chunk);
  }

  #wanted({ time, stream }: CriLine): boolean {
    const { sinceMs, stream: wanted } = this.#options;
    if (wanted !== 'All' && wanted.toLowerCase() !== stream) return false;
    return sinceMs === undefined || Date.parse(time) >= sinceMs;
  }
}

/** Tells that a file may have changed: by inotify, and by a slow poll where that fails. */
class ChangeSignal {
  readonly #watcher: ReturnType<typeof watch> | undefined;
  readonly #signal: AbortSignal;
  /** A change came while nobody waited. */
  #pending = false;
  #wake: (() => void) | undefined;

  constructor(file: string, signal: AbortSignal) {
    this.#signal = signal;
    const changed = () => {
      this.#pending = true;
      this.#wake?.();
    };
    try {
      this.#watcher = watch(file, changed);
      this.#watcher.on('error', () => {});
    } catch {
      // max_user_instances is 128 on many machines; the poll does.
      this.#watcher = undefined;
    }
    signal.addEventListener('abort', changed, { once: true });
  }

  /** Resolves at the next change, at the latest after a while: the container's end changes no file. */
  async next(): Promise<void> {
    if (!this.#pending && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#pending = false;
  }

  close(): void {
    this.#watcher?.close();
  }
}
