import { parentPort, workerData } from 'node:worker_threads';
import { enterNamespace } from './enter-namespace.ts';
import { type CallMessage, packError, type ReplyMessage } from './kernel-messages.ts';
import { createOperations, type KernelEvent } from './operations.ts';

/**
 * The kernel thread: takes calls, makes them one after the other, answers in batches. It may be in another namespace in
 * the middle of a call, never between two.
 */
const port = parentPort!;
const { netns, quiet } = workerData as { netns?: string; quiet: Int32Array };
if (netns !== undefined) enterNamespace('net', netns);
const operations = createOperations(post) as unknown as Record<string, (...args: unknown[]) => unknown>;

/** Answers and events not yet sent, in order. */
let outbox: (ReplyMessage | KernelEvent)[] = [];
let scheduled = false;

function post(message: ReplyMessage | KernelEvent): void {
  outbox.push(message);
  if (scheduled) return;
  scheduled = true;
  setImmediate(flush);
}

function flush(): void {
  scheduled = false;
  if (outbox.length === 0) return;
  port.postMessage(outbox);
  outbox = [];
}

/** Set when the process ends: nothing new is begun. */
let stopped = false;

port.on('message', (calls: CallMessage[] | 'stop polling') => {
  if (stopped) return;
  if (calls === 'stop polling') {
    stopPolling();
    return;
  }
  let sentAt = performance.now();
  for (const call of calls) {
    perform(call);
    // A long batch must not keep its first answers waiting.
    if (performance.now() - sentAt > 2) {
      flush();
      sentAt = performance.now();
    }
  }
});

/** Handles are closed in the turns of the event loop that follow; then the process that waits for it may end. */
function stopPolling(): void {
  stopped = true;
  operations.close!();
  setTimeout(() => {
    Atomics.store(quiet, 0, 1);
    Atomics.notify(quiet, 0);
  }, 1);
}

function perform({ id, name, args }: CallMessage): void {
  const fail = (error: unknown) => post({ id, error: packError(error) });
  try {
    const result = operations[name]!(...args);
    if (result instanceof Promise) result.then((value) => post({ id, result: value }), fail);
    else post({ id, result });
  } catch (error) {
    fail(error);
  }
}
