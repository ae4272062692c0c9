import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Logger, silentLogger } from '../base/log.ts';
import { type Mail, Mailbox } from './sqlite-mailbox.ts';
import {
  type PackedChange,
  type PackedError,
  type PackedVersion,
  Packer,
  type Reply,
  type ReplyBatch,
  type Request,
  type StoreThreadData,
  Unpacker,
} from './sqlite-protocol.ts';
import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type PutOptions,
  type RangeOptions,
  type RangeResult,
  type Store,
  type StoreEvent,
  type Watcher,
  type WriteResult,
} from './store.ts';
import { Watch } from './watchers.ts';

/**
 * A store in one SQLite file, written by one thread of its own. Values given to put belong to the store from then on:
 * watchers are handed the same bytes.
 */
export async function openSqliteStore(options: { file: string; log?: Logger }): Promise<Store> {
  const store = new SqliteStore(options.file, options.log ?? silentLogger);
  await store.opened();
  return store;
}

/** The bundle holds sqlite-worker.js beside the file that this code ends up in. */
function startWorker(workerData: StoreThreadData): Worker {
  const url = import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js';
  return new Worker(new URL(url, import.meta.url), {
    name: 'store',
    workerData,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
}

/**
 * One message that the thread works on, and one that waits for it. What comes meanwhile goes into the next one: each
 * message costs both threads as much as several requests in it.
 */
const maxUnderWay = 2;

/**
 * Somebody who writes one thing after the other: so many requests in a row were alone, usually answered within a millisecond
 * and followed by the next within ten. On one processor, who stays awake would only keep it from who is to answer.
 */
const row = { least: availableParallelism() > 1 ? 8 : Number.POSITIVE_INFINITY, answerMs: 1, pauseMs: 10 };

/** A request that the thread has not answered yet. */
interface Pending {
  request: Request;
  /** The value of a put. */
  value: Uint8Array | undefined;
  resolve(reply: Answer): void;
  reject(error: Error): void;
}

/** A reply with its values unpacked. */
type Answer =
  | { kind: 'written'; event: StoreEvent }
  | { kind: 'conflict' | 'found'; version: KeyValue | undefined }
  | { kind: 'range'; result: RangeResult }
  | { kind: 'replayed'; events: StoreEvent[]; through: number; complete: boolean }
  | { kind: 'done' }
  | { kind: 'failed'; error: Error };

class SqliteStore implements Store {
  readonly shared = false;
  readonly #worker: Worker;
  readonly #file: string;
  readonly #outbox: Mailbox<Request[]>;
  readonly #inbox: Mailbox<ReplyBatch>;
  /** A reply that is too long for the inbox comes before the news of it. */
  #longReply: Mail<ReplyBatch> | undefined;
  /** Requests of this turn of the event loop, or since the thread has enough to do, sent together. */
  #unsent: Pending[] = [];
  /** Sent and not answered, oldest first: the thread answers in order. */
  #sent: Pending[] = [];
  /** When the one request that is under way was sent, if it is the only one. */
  #loneSinceMs: number | undefined;
  /** When a request was answered last. */
  #answeredMs = 0;
  /** How many of a row there were. */
  #inRow = 0;
  /** How long a lone request takes: a moving average, in milliseconds. */
  #usualMs = 0;
  /** Messages sent, whose last request is not answered; at most maxUnderWay. */
  #underWay: number[] = [];
  /** The newest revision of which the events have been delivered; all of them are durable. */
  #durable = 0;
  /** Watches that have seen everything up to #durable and get the events of each batch. */
  readonly #live = new Set<Watch>();
  /** Why nothing works any more: closed, or the thread has died. */
  #broken: Error | undefined;

  constructor(file: string, log: Logger) {
    this.#file = file;
    const memory = { requests: Mailbox.memory(), replies: Mailbox.memory() };
    this.#outbox = new Mailbox(memory.requests);
    this.#inbox = new Mailbox(memory.replies);
    this.#worker = startWorker({ file, ...memory });
    this.#worker.on('message', (long: Mail<ReplyBatch> | null) => {
      if (long) this.#longReply = long;
      else this.#look();
    });
    this.#worker.on('error', (error) => {
      log.error('store thread failed', { file, error });
      this.#break(new Error(`store ${file} failed`, { cause: error }));
    });
    this.#worker.on('exit', () => this.#break(new Error(`store ${file} is closed`)));
  }

  /** Resolves when the thread has opened the file and #durable is known. */
  async opened(): Promise<void> {
    await this.#send({ op: 'revision' });
  }

  /** No question to the thread: a write is acknowledged after #durable has passed it. */
  async currentRevision(): Promise<number> {
    if (this.#broken) throw this.#broken;
    return this.#durable;
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const answer = await this.#send({ op: 'get', key });
    return answer.kind === 'found' ? answer.version : unexpected(answer);
  }

  async range(start: string, end: string, options: RangeOptions = {}): Promise<RangeResult> {
    const { revision, limit = 0, counted = true } = options;
    const answer = await this.#send({ op: 'range', start, end, revision, limit, counted });
    return answer.kind === 'range' ? answer.result : unexpected(answer);
  }

  async put(key: string, value: Uint8Array, expected: number, options: PutOptions = {}): Promise<WriteResult> {
    const ttlMs = Math.ceil((options.ttlSeconds ?? 0) * 1000);
    const { guard } = options;
    return toResult(await this.#send({ op: 'put', key, length: value.length, expected, ttlMs, guard }, value));
  }

  expectWrite(): void {
    if (this.#sent.length === 0 && this.#isRow()) this.#outbox.announce();
  }

  async delete(key: string, expected: number): Promise<WriteResult> {
    return toResult(await this.#send({ op: 'delete', key, expected }));
  }

  watch(start: string, end: string, afterRevision: number, watcher: Watcher): () => void {
    const watch = new Watch(start, end, afterRevision, watcher);
    if (afterRevision >= this.#durable) this.#live.add(watch);
    else this.#replay(watch);
    return () => {
      watch.cancel();
      this.#live.delete(watch);
    };
  }

  async compact(revision: number): Promise<void> {
    await this.#send({ op: 'compact', revision });
  }

  async close(): Promise<void> {
    if (this.#broken) return;
    const exited = new Promise((resolve) => this.#worker.once('exit', resolve));
    await this.#send({ op: 'close' });
    this.#worker.ref();
    this.#live.clear();
    this.#broken ??= new Error(`store ${this.#file} is closed`);
    await exited;
  }

  #send(request: Request, value?: Uint8Array): Promise<Answer> {
    if (this.#broken) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => this.#enqueue({ request, value, resolve, reject }));
  }

  #enqueue(pending: Pending): void {
    // A microtask runs after all callers of this turn, but before the event loop goes on.
    if (this.#unsent.length === 0) queueMicrotask(() => this.#flush());
    this.#unsent.push(pending);
  }

  #flush(): void {
    if (this.#underWay.length >= maxUnderWay || this.#unsent.length === 0) return;
    const batch = this.#unsent;
    this.#underWay.push(batch.length);
    this.#unsent = [];
    // The thread keeps the process alive only while there is something to wait for.
    if (this.#sent.length === 0) this.#worker.ref();
    const head: Request[] = [];
    const values: Uint8Array[] = [];
    for (const pending of batch) {
      this.#sent.push(pending);
      head.push(pending.request);
      if (pending.value) values.push(pending.value);
    }
    this.#outbox.send(head, values, () => {
      const packer = new Packer();
      for (const value of values) packer.add(value);
      const bytes = packer.finish();
      this.#worker.postMessage({ head, bytes } satisfies Mail<Request[]>, [bytes.buffer]);
    });
    const now = performance.now();
    const alone = this.#sent.length === 1;
    this.#loneSinceMs = alone ? now : undefined;
    if (!alone || now - this.#answeredMs > row.pauseMs) this.#inRow = 0;
    if (this.#isRow()) this.#keepLooking(now);
  }

  #isRow(): boolean {
    return this.#inRow >= row.least && this.#usualMs < row.answerMs;
  }

  /**
   * To be woken takes a good part of a commit's time: in a row, the answer is looked for between the events of the loop. Whatever
   * else comes meanwhile is served, and ends the row.
   */
  #keepLooking(sinceMs: number): void {
    setImmediate(() => {
      if (this.#look() || this.#loneSinceMs !== sinceMs) return;
      if (performance.now() - sinceMs < row.answerMs) this.#keepLooking(sinceMs);
    });
  }

  /** Takes the next reply, if it is there. */
  #look(): boolean {
    const mail = this.#inbox.take(() => this.#takeLong());
    if (mail) this.#receive(mail);
    return mail !== undefined;
  }

  #takeLong(): Mail<ReplyBatch> | undefined {
    const mail = this.#longReply;
    this.#longReply = undefined;
    return mail;
  }

  /**
   * One batch that is on disk. Order matters: replays first, so that a watch that has caught up gets this batch's own
   * events; then the events, so that a writer whose put resolves finds watchers informed; then the writers.
   */
  #receive({ head: { replies, expired, revision }, bytes }: Mail<ReplyBatch>): void {
    const values = new Unpacker(bytes);
    const answered = this.#sent.splice(0, replies.length);
    this.#countAnswered(replies.length);
    if (replies.length > 0) this.#answered(performance.now());
    // Before the answers, which bring the next requests: the thread goes on at once.
    this.#flush();
    if (this.#sent.length === 0) this.#worker.unref();
    const answers = replies.map((reply, index) => unpackReply(reply, values, answered[index]!));
    const events = answers.flatMap((answer) => (answer.kind === 'written' ? answer.event : []));
    for (const change of expired) events.push(unpackChange(change, values, undefined));
    answered.forEach((pending, index) => {
      if (pending.request.op === 'replay') pending.resolve(answers[index]!);
    });
    this.#durable = revision;
    if (events.length > 0) for (const watch of [...this.#live]) watch.deliver(events);
    answered.forEach((pending, index) => {
      const answer = answers[index]!;
      if (pending.request.op === 'replay') return;
      if (answer.kind === 'failed') pending.reject(answer.error);
      else pending.resolve(answer);
    });
  }

  #answered(now: number): void {
    this.#answeredMs = now;
    if (this.#loneSinceMs === undefined) return;
    this.#inRow++;
    this.#usualMs += (now - this.#loneSinceMs - this.#usualMs) / 8;
    this.#loneSinceMs = undefined;
  }

  #countAnswered(count: number): void {
    for (let left = count; left > 0; ) {
      const oldest = this.#underWay[0]!;
      if (oldest > left) {
        this.#underWay[0] = oldest - left;
        return;
      }
      left -= oldest;
      this.#underWay.shift();
    }
  }

  /** Fetches what the watch has missed, page by page, until it can go live. */
  #replay(watch: Watch): void {
    if (this.#broken || watch.ended) return;
    const { start, end, delivered: after } = watch;
    const resolve = (answer: Answer) => {
      if (watch.ended) return;
      if (answer.kind === 'failed') return watch.fail(answer.error);
      if (answer.kind !== 'replayed') return unexpected(answer);
      if (answer.complete) this.#live.add(watch);
      watch.deliver(answer.events, answer.through);
      if (!answer.complete) this.#replay(watch);
    };
    this.#enqueue({
      request: { op: 'replay', start, end, after },
      value: undefined,
      resolve,
      reject: (error) => watch.fail(error),
    });
  }

  /** Ends everything that waits. */
  #break(error: Error): void {
    this.#broken ??= error;
    for (const pending of [...this.#sent.splice(0), ...this.#unsent.splice(0)]) pending.reject(this.#broken);
    for (const watch of this.#live) watch.fail(this.#broken);
    this.#live.clear();
  }
}

function unpackReply(reply: Reply, values: Unpacker, { request, value: written }: Pending): Answer {
  switch (reply.kind) {
    case 'created':
      return { kind: 'written', event: createdEvent(request, reply.revision, written) };
    case 'written':
      return { kind: 'written', event: unpackChange(reply.change, values, written) };
    case 'conflict':
      return { kind: 'conflict', version: reply.current && unpackVersion(reply.current, values) };
    case 'found':
      return { kind: 'found', version: reply.found && unpackVersion(reply.found, values) };
    case 'range': {
      const { revision, more, count } = reply;
      const items = reply.items.map((item) => unpackVersion(item, values));
      return { kind: 'range', result: { items, revision, more, count } };
    }
    case 'replayed': {
      const events = reply.changes.map((change) => unpackChange(change, values, undefined));
      return { kind: 'replayed', events, through: reply.through, complete: reply.complete };
    }
    case 'done':
      return reply;
    case 'failed':
      return { kind: 'failed', error: unpackError(reply.error) };
  }
}

function createdEvent(request: Request, revision: number, value: Uint8Array | undefined): StoreEvent {
  if (request.op !== 'put') throw new Error(`store thread answered created to ${request.op}`);
  return { type: 'put', key: request.key, revision, value, previous: undefined, createRevision: revision };
}

/** `written` is the value of the put that this change answers: it was not sent back. */
function unpackChange(change: PackedChange, values: Unpacker, written: Uint8Array | undefined): StoreEvent {
  const { key, revision, createRevision, deleted, length } = change;
  const sent = values.take(length);
  const previous = change.previous && unpackVersion(change.previous, values);
  const value = deleted ? undefined : (written ?? sent);
  return { type: deleted ? 'delete' : 'put', key, revision, value, previous, createRevision };
}

function unpackVersion({ key, createRevision, modRevision, length }: PackedVersion, values: Unpacker): KeyValue {
  return { key, value: values.take(length), createRevision, modRevision };
}

function unpackError({ name, message, revisions }: PackedError): Error {
  if (revisions && name === 'CompactedError') return new CompactedError(...revisions);
  if (revisions && name === 'FutureRevisionError') return new FutureRevisionError(revisions[0], revisions[1] ?? 0);
  return new Error(message);
}

function toResult(answer: Answer): WriteResult {
  if (answer.kind === 'written') return { ok: true, revision: answer.event.revision };
  if (answer.kind === 'conflict') return { ok: false, current: answer.version };
  return unexpected(answer);
}

function unexpected(answer: Answer): never {
  throw new Error(`store thread answered ${answer.kind} to another question`);
}
