import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Change, SqliteEngine, type Version } from './sqlite-engine.ts';
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
import { CompactedError, FutureRevisionError } from './store.ts';

/**
 * The store's thread: everything that has arrived becomes one transaction, hence one fsync, and is answered after it.
 * While that runs the next requests gather: the more writers, the larger the batches. It has no event loop: it waits for
 * requests, or until something is due.
 */
const port = parentPort!;
const data = workerData as StoreThreadData;
const inbox = new Mailbox<Request[]>(data.requests);
const outbox = new Mailbox<ReplyBatch>(data.replies);
const engine = new SqliteEngine(data.file);
const replayPage = 500;
const expirePage = 500;
/** So long a sweep leaves the disk to the writers. */
const sweepPauseMs = 5;
const retryMs = 10_000;
/** Unix time at which the next key goes. */
let expiryAtMs = engine.nextExpiry() ?? Number.POSITIVE_INFINITY;
/** Unix time at which compaction goes on. */
let sweepAtMs = 0;
let closed = false;

while (!closed) {
  const batches: Mail<Request[]>[] = [];
  for (let batch = inbox.take(takeLong); batch; batch = inbox.take(takeLong)) batches.push(batch);
  if (batches.length > 0) serve(batches);
  if (closed) break;
  const now = Date.now();
  if (expiryAtMs <= now) expire();
  if (sweepAtMs <= now) sweep();
  inbox.wait(Math.max(0, Math.min(expiryAtMs, sweepAtMs) - now));
}

function takeLong(): Mail<Request[]> {
  return receiveMessageOnPort(port)!.message as Mail<Request[]>;
}

function serve(batches: Mail<Request[]>[]): void {
  const packer = new Packer();
  const replies: Reply[] = [];
  const writes = batches.some(({ head }) => head.some(({ op }) => op === 'put' || op === 'delete' || op === 'compact'));
  try {
    if (writes) engine.begin();
    for (const { head, bytes } of batches) {
      const values = new Unpacker(bytes);
      for (const request of head) replies.push(answer(request, values, packer));
    }
    if (writes) engine.commit();
    send(replies, [], packer);
  } catch (error) {
    // The disk is full or broken: nothing of these batches is stored, so none is acknowledged.
    engine.rollback();
    const reply: Reply = { kind: 'failed', error: pack(error) };
    send(
      batches.flatMap(({ head }) => head.map(() => reply)),
      [],
      new Packer(),
    );
  }
  if (batches.at(-1)?.head.at(-1)?.op !== 'close') return;
  closed = true;
  engine.close();
}

function answer(request: Request, values: Unpacker, packer: Packer): Reply {
  switch (request.op) {
    case 'put': {
      const expiresMs = request.ttlMs > 0 ? Date.now() + request.ttlMs : null;
      const { key, length, expected, guard } = request;
      const { change, current } = engine.put(key, values.take(length), { expected, expiresMs, guard });
      if (!change) return { kind: 'conflict', current: current && packVersion(current, packer) };
      if (expiresMs !== null) expiryAtMs = Math.min(expiryAtMs, expiresMs);
      if (!change.previous) return { kind: 'created', revision: change.revision };
      return { kind: 'written', change: packChange({ ...change, value: undefined }, false, packer) };
    }
    case 'delete': {
      const { change, current } = engine.delete(request.key, request.expected);
      if (!change) return { kind: 'conflict', current: current && packVersion(current, packer) };
      return { kind: 'written', change: packChange(change, true, packer) };
    }
    case 'get': {
      const found = engine.get(request.key);
      return { kind: 'found', found: found && packVersion(found, packer) };
    }
    case 'range':
      return refusable(request.revision ?? 0, () => {
        const { start, end, revision, limit, counted } = request;
        const items: PackedVersion[] = [];
        const result = engine.range(start, end, { revision, limit, counted }, (item) =>
          items.push(packVersion(item, packer)),
        );
        return { kind: 'range', items, ...result };
      });
    case 'replay':
      return refusable(request.after, () => {
        const { start, end, after } = request;
        const changes: PackedChange[] = [];
        const add = (change: Change) => changes.push(packChange(change, change.value === undefined, packer));
        const through = engine.replay(start, end, after, replayPage, add);
        return { kind: 'replayed', changes, through, complete: changes.length < replayPage };
      });
    case 'compact':
      return refusable(request.revision, () => {
        engine.compact(request.revision);
        sweepAtMs = 0;
        return { kind: 'done' };
      });
    case 'revision':
    case 'close':
      return { kind: 'done' };
  }
}

/** Refusals concern the one request; any other error all of the transaction. */
function refusable(asked: number, attempt: () => Reply): Reply {
  try {
    return attempt();
  } catch (error) {
    if (!(error instanceof CompactedError || error instanceof FutureRevisionError)) throw error;
    return { kind: 'failed', error: pack(error, asked) };
  }
}

function send(replies: Reply[], expired: PackedChange[], packer: Packer): void {
  const bytes = packer.finish();
  const head: ReplyBatch = { replies, expired, revision: engine.revision };
  outbox.send(head, [bytes], () => port.postMessage({ head, bytes } satisfies Mail<ReplyBatch>, [bytes.buffer]));
  // The store's callers are told by an event of their loop; what it says lies in the outbox.
  port.postMessage(null);
}

function expire(): void {
  expiryAtMs = Number.POSITIVE_INFINITY;
  const packer = new Packer();
  try {
    engine.begin();
    const changes = engine.expire(Date.now(), expirePage);
    engine.commit();
    if (changes.length > 0)
      send(
        [],
        changes.map((change) => packChange(change, true, packer)),
        packer,
      );
    expiryAtMs = engine.nextExpiry() ?? expiryAtMs;
  } catch {
    // The disk is full: they stay for now.
    engine.rollback();
    expiryAtMs = Date.now() + retryMs;
  }
}

/** Compacts bit by bit between the batches. */
function sweep(): void {
  try {
    sweepAtMs = engine.sweep() ? Date.now() + sweepPauseMs : Number.POSITIVE_INFINITY;
  } catch {
    sweepAtMs = Date.now() + retryMs;
  }
}

function packVersion({ key, value, createRevision, modRevision }: Version, packer: Packer): PackedVersion {
  return { key, createRevision, modRevision, length: packer.add(value) };
}

function packChange(change: Change, deleted: boolean, packer: Packer): PackedChange {
  const { key, revision, createRevision, value, previous } = change;
  const length = value ? packer.add(value) : 0;
  return { key, revision, createRevision, deleted, length, previous: previous && packVersion(previous, packer) };
}

function pack(error: unknown, asked = 0): PackedError {
  const { name, message } = error as Error;
  if (error instanceof CompactedError) return { name, message, revisions: [asked, error.compactRevision] };
  if (error instanceof FutureRevisionError) return { name, message, revisions: [asked, error.currentRevision] };
  return { name, message };
}
