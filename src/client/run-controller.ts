import { controllerOf, type KubeObject, keyOf } from '../api/object.ts';
import { hasReason } from '../api/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Controller, ControllerContext, ControllerFactory } from './controller.ts';
import type { Informer } from './informer.ts';
import { QueueMetrics } from './queue-metrics.ts';
import { WorkQueue } from './work-queue.ts';

export interface RunningControllers {
  /** Resolves when all informers have their first list and the workers run. */
  whenSynced(): Promise<void>;
  /** Takes no more keys and waits for the reconciles under way. */
  stop(): Promise<void>;
}

/** Runs controllers: changes become keys in a queue for each, which its workers reconcile. Starts the informers. */
export function runControllers(factories: ControllerFactory[], context: ControllerContext): RunningControllers {
  const running = factories.map((factory) => runController(factory, context));
  context.informers.start();
  return {
    whenSynced: async () => {
      await Promise.all(running.map((one) => one.ready));
    },
    stop: async () => {
      await Promise.all(running.map((one) => one.stop()));
    },
  };
}

function runController(factory: ControllerFactory, context: ControllerContext) {
  const controller = factory(context);
  const queue = new WorkQueue(context.clock);
  const log = context.log.child(controller.name);
  const metrics = new QueueMetrics(controller.name, queue);
  const measured = () => metrics.families();
  context.metrics?.add(measured);
  const informers = enqueueChanges(controller, context, queue);
  let workers: Promise<void>[] = [];
  let stopped = false;
  const ready = Promise.all(informers.map((informer) => informer.whenSynced())).then(() => {
    if (stopped) return;
    const shared = {
      queue,
      metrics,
      log,
      logged: new Map<string, string>(),
      pace: new Pace(context.clock, controller.minIntervalMs ?? 0),
    };
    workers = Array.from({ length: controller.workers ?? 5 }, () => work(controller, shared));
  });
  return {
    ready,
    stop: async () => {
      stopped = true;
      queue.shutDown();
      context.metrics?.delete(measured);
      await Promise.all(workers);
    },
  };
}

/** Turns changes of everything the controller looks at into keys of the queue. */
function enqueueChanges(controller: Controller, { informers }: ControllerContext, queue: WorkQueue) {
  const own = informers.informer(controller.for, controller.selection);
  const addOwn = (object: KubeObject) => queue.add(keyOf(object));
  own.on({ added: addOwn, updated: addOwn, deleted: addOwn });
  const used: Informer<KubeObject>[] = [own];

  for (const resource of controller.owns ?? []) {
    const informer = informers.informer(resource);
    used.push(informer);
    const addOwner = (object: KubeObject) => {
      const key = ownerKey(object, own);
      if (key) queue.add(key);
    };
    informer.on({
      added: addOwner,
      updated: (object, previous) => {
        addOwner(object);
        // Given up or taken over: the former owner must notice too.
        if (controllerOf(previous)?.uid !== controllerOf(object)?.uid) addOwner(previous);
      },
      deleted: addOwner,
    });
  }

  for (const watch of controller.watches ?? []) {
    const informer = informers.informer(watch.resource, watch.selection);
    used.push(informer);
    const add = (object: KubeObject, previous?: KubeObject) => {
      for (const key of watch.keys(object, previous)) queue.add(key);
    };
    informer.on({ added: (object) => add(object), updated: add, deleted: (object) => add(object) });
  }
  return used;
}

/**
 * Key of the object that controls this one, if it is of the reconciled kind and still the same one. An owner that is
 * not known yet is enqueued when it turns up itself.
 */
function ownerKey(object: KubeObject, owners: Informer<KubeObject>): string | undefined {
  const reference = controllerOf(object);
  const { group, kind, namespaced } = owners.resource;
  if (!reference || reference.kind !== kind || groupOf(reference.apiVersion) !== group) return undefined;
  const namespace = namespaced ? object.metadata.namespace : undefined;
  const key = namespace ? `${namespace}/${reference.name}` : reference.name;
  return owners.get(key)?.metadata.uid === reference.uid ? key : undefined;
}

const groupOf = (apiVersion: string) => (apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '');

/** What the workers of one controller have in common. */
interface Shared {
  queue: WorkQueue;
  metrics: QueueMetrics;
  log: Logger;
  /** The last failure that was logged, per key: one that repeats with every retry is logged once. */
  logged: Map<string, string>;
  pace: Pace;
}

async function work(controller: Controller, { queue, metrics, log, logged, pace }: Shared): Promise<void> {
  for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
    const waitMs = pace.waitMs(key);
    if (waitMs > 0) {
      queue.done(key);
      queue.addAfter(key, waitMs);
      continue;
    }
    const began = performance.now();
    try {
      const result = await controller.reconcile(key);
      queue.forget(key);
      logged.delete(key);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      queue.addRateLimited(key);
      // A conflict only says that the cache was behind: the retry sees the newer object.
      if (hasReason(error, 'Conflict')) log.debug('reconcile lost a race, trying again', { key, error });
      else if (logged.get(key) !== String(error)) {
        logged.set(key, String(error));
        log.warn('reconcile failed, trying again', { key, error });
      }
    } finally {
      metrics.worked((performance.now() - began) / 1000);
      pace.reconciled(key);
      queue.done(key);
    }
  }
}

/** Keeps reconciles of one key apart (Controller.minIntervalMs). */
class Pace {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  /** When each key was last reconciled, oldest first; only those within the interval. */
  readonly #last = new Map<string, number>();

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** Milliseconds until this key may be reconciled again; 0 for now. */
  waitMs(key: string): number {
    const last = this.#last.get(key);
    return last === undefined ? 0 : Math.max(0, last + this.#intervalMs - this.#clock.steady());
  }

  reconciled(key: string): void {
    if (this.#intervalMs === 0) return;
    const now = this.#clock.steady();
    this.#last.delete(key);
    this.#last.set(key, now);
    for (const [old, at] of this.#last) {
      if (at + this.#intervalMs > now) break;
      this.#last.delete(old);
    }
  }
}
