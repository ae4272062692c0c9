import type { Pod } from '../api/generated/core-v1.ts';
import { containerNameOf } from './labels.ts';
import type { NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';
import { syncPod } from './sync-pod.ts';
import { graceSeconds, terminatePod } from './terminate-pod.ts';

interface Worker {
  record: PodRecord;
  /** A look at the Pod is under way. */
  busy: boolean;
  /** Something has changed since that look began. */
  again: boolean;
  /** Cancels the look that a back-off or a deadline asked for. */
  cancel: (() => void) | undefined;
  /** The grace in seconds of the stop that is under way; a shorter one overrides it. */
  stopping: number | undefined;
}

/** Delay after a failed look, doubled up to the bound. */
const retryMs = { first: 1000, most: 30_000 };

/**
 * One worker per Pod UID: serial, and the latest state wins (kubelet pod_workers.go). Wakes are cheap and may be many;
 * a look compares the whole Pod with the whole node.
 */
export class PodWorkers {
  readonly #node: NodeContext;
  /** By Pod UID. */
  readonly #workers = new Map<string, Worker>();
  /** Failures in a row, per UID. */
  readonly #failures = new Map<string, number>();
  /** Pods whose work is done, until the API forgets them: late news of them starts nothing. */
  readonly #ended = new Set<string>();
  /** Told the UID of each Pod that has ended for good. */
  readonly #onEnd = new Set<(uid: string) => void>();
  /** Once set no look begins. */
  #closed = false;

  constructor(node: NodeContext) {
    this.#node = node;
  }

  get(uid: string): PodRecord | undefined {
    return this.#workers.get(uid)?.record;
  }

  records(): PodRecord[] {
    return [...this.#workers.values()].map(({ record }) => record);
  }

  add(record: PodRecord): void {
    if (this.#ended.has(record.uid)) return;
    this.#workers.set(record.uid, { record, busy: false, again: false, cancel: undefined, stopping: undefined });
    this.wake(record.uid);
  }

  /** The Pod's object has changed. */
  update(uid: string, pod: Pod): void {
    const worker = this.#workers.get(uid);
    if (!worker) return;
    worker.record.update(pod);
    if (worker.record.terminating) worker.record.ending.abort();
    this.#shorten(worker);
    this.wake(uid);
  }

  /** The Pod's object is gone. */
  remove(uid: string): void {
    this.#ended.delete(uid);
    const worker = this.#workers.get(uid);
    if (!worker) return;
    worker.record.gone = true;
    worker.record.ending.abort();
    this.#shorten(worker);
    this.wake(uid);
  }

  onEnd(fn: (uid: string) => void): void {
    this.#onEnd.add(fn);
  }

  wake(uid: string): void {
    const worker = this.#workers.get(uid);
    if (!worker || this.#closed) return;
    if (worker.busy) worker.again = true;
    else {
      // Marked at once, so that the wakes of one turn of the event loop are one look.
      worker.busy = true;
      queueMicrotask(() => void this.#look(worker));
    }
  }

  /** Something has come that any Pod may wait for. */
  wakeAll(): void {
    for (const uid of this.#workers.keys()) this.wake(uid);
  }

  close(): void {
    this.#closed = true;
    for (const worker of this.#workers.values()) worker.cancel?.();
  }

  async #look(worker: Worker): Promise<void> {
    const { record } = worker;
    worker.cancel?.();
    worker.cancel = undefined;
    worker.again = false;
    let afterMs: number | undefined;
    let failed = false;
    try {
      if (record.terminating) {
        worker.stopping = graceSeconds(record);
        await terminatePod(this.#node, record);
        this.#workers.delete(record.uid);
        this.#failures.delete(record.uid);
        if (!record.gone) this.#ended.add(record.uid);
        this.#retryResizes();
        for (const listener of this.#onEnd) listener(record.uid);
        return;
      }
      afterMs = await syncPod(this.#node, record);
      this.#failures.delete(record.uid);
    } catch (error) {
      // What it works with has been closed, too.
      if (this.#closed) return;
      failed = true;
      const failures = (this.#failures.get(record.uid) ?? 0) + 1;
      this.#failures.set(record.uid, failures);
      afterMs = Math.min(retryMs.first * 2 ** (failures - 1), retryMs.most);
      this.#node.log.error('cannot sync pod', { pod: record.pod.metadata.name, error });
      this.#node.events.event(
        record.pod,
        'Warning',
        'FailedSync',
        `error determining status: ${error instanceof Error ? error.message : error}`,
      );
    }
    worker.busy = false;
    if (!failed && (worker.again || record.terminating)) return this.wake(record.uid);
    if (afterMs !== undefined && !this.#closed)
      worker.cancel = this.#node.clock.after(afterMs, () => this.wake(record.uid));
  }

  /** What a Pod has given back may be enough for one that waits to grow. */
  #retryResizes(): void {
    for (const { record } of this.#workers.values()) if (record.resize.pending) this.wake(record.uid);
  }

  /** A second deletion with a shorter grace reaches containers that are being stopped. */
  #shorten(worker: Worker): void {
    const { record } = worker;
    if (worker.stopping === undefined || !worker.busy) return;
    const grace = graceSeconds(record);
    if (grace >= worker.stopping) return;
    worker.stopping = grace;
    for (const container of record.allContainers(this.#node.runtime)) {
      if (container.state === 'exited') continue;
      this.#node.log.debug('shortening grace', { container: containerNameOf(container), grace });
      const graceMs = grace * 1000;
      this.#node.runtime.stopContainer(container.id, { graceMs }).catch((error: unknown) => {
        this.#node.log.warn('cannot stop container', { container: containerNameOf(container), error });
      });
    }
  }
}
