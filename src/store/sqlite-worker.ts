import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Change, SqliteEngine, type Version } from './sqlite-engine.ts';
import {
  type PackedChange,
  type PackedError,
  type PackedVersion,
  Packer,
  type Reply,
  type ReplyBatch,
  type Request,
  type RequestBatch,
  Unpacker,
} from './sqlite-protocol.ts';
import { CompactedError, FutureRevisionError } from './store.ts';

/**
 * The store's thread: everything that has arrived becomes one transaction, hence one fsync, and is answered after it.
 * While that runs the next requests gather: the more writers, the larger the batches.
 */
const port = parentPort!;
const engine = new SqliteEngine((workerData as { file: string }).file);
const replayPage = 500;
const expirePage = 500;
/** setTimeout's own limit, about. */
const longestTimerMs = 1 << 30;
/** Cancels the planned expiry. */
let expiryTimer: NodeJS.Timeout | undefined;
/** Unix time that expiryTimer is set for. */
let expiryAtMs = Number.POSITIVE_INFINITY;
let sweeping = false;

port.on('message', (first: RequestBatch) => {
  const batches = [first];
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) batches.push(next.message);
  serve(batches);
});
planExpiry(engine.nextExpiry());
planSweep();

function serve(batches: RequestBatch[]): void {
  const packer = new Packer();
  const replies: Reply[] = [];
  const writes = batches.some(({ requests }) =>
    requests.some(({ op }) => op === 'put' || op === 'delete' || op === 'compact'),
  );
  try {
    if (writes) engine.begin();
    for (const { requests, bytes } of batches) {
      const values = new Unpacker(bytes);
      for (const request of requests) replies.push(answer(request, values, packer));
    }
    if (writes) engine.commit();
    send(replies, [], packer);
  } catch (error) {
    // The disk is full or broken: nothing of these batches is stored, so none is acknowledged.
    engine.rollback();
    const reply: Reply = { kind: 'failed', error: pack(error) };
    send(
      batches.flatMap(({ requests }) => requests.map(() => reply)),
      [],
      new Packer(),
    );
  }
  if (batches.at(-1)?.requests.at(-1)?.op === 'close') finish();
}

function answer(request: Request, values: Unpacker, packer: Packer): Reply {
  switch (request.op) {
    case 'put': {
      const expiresMs = request.ttlMs > 0 ? Date.now() + request.ttlMs : null;
      const { key, length, expected, guard } = request;
      const { change, current } = engine.put(key, values.take(length), { expected, expiresMs, guard });
      if (!change) return { kind: 'conflict', current: current && packVersion(current, packer) };
      if (expiresMs !== null) planExpiry(expiresMs);
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
        planSweep();
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
  port.postMessage({ replies, expired, revision: engine.revision, bytes } satisfies ReplyBatch, [bytes]);
}

/** Makes sure that keys which end at `atMs` are deleted then, or as soon as the thread is free. */
function planExpiry(atMs: number | undefined): void {
  if (atMs === undefined || atMs >= expiryAtMs) return;
  clearTimeout(expiryTimer);
  expiryAtMs = atMs;
  expiryTimer = setTimeout(expire, Math.min(Math.max(0, atMs - Date.now()), longestTimerMs)).unref();
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
    planExpiry(engine.nextExpiry());
  } catch {
    // The disk is full: they stay for now.
    engine.rollback();
    planExpiry(Date.now() + 10_000);
  }
}

/** Compacts bit by bit between the batches. */
function planSweep(): void {
  if (sweeping) return;
  sweeping = true;
  setImmediate(sweep);
}

function sweep(): void {
  sweeping = false;
  try {
    // A short pause leaves the disk to the writers.
    if (engine.sweep()) setTimeout(planSweep, 5).unref();
  } catch {
    setTimeout(planSweep, 10_000).unref();
  }
}

function finish(): void {
  engine.close();
  // Nothing else keeps the thread alive.
  port.close();
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
