import type { KubeObject } from '../api/object.ts';
import type { Resource } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { MetricSources } from '../base/metrics.ts';
import type { Client } from './client.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { InformerFactory } from './informer.ts';

/** What a controller is given. */
export interface ControllerContext {
  client: Client;
  informers: InformerFactory;
  events: EventRecorder;
  clock: Clock;
  log: Logger;
  /** Where controllers tell their figures. */
  metrics?: MetricSources;
}

/**
 * A controller: reconcile makes the world match one object of `for`, named by its key. It is idempotent (called twice,
 * it writes once), takes no event, and may ask to be called again later.
 */
export interface Controller {
  name: string;
  /** The resource whose keys are reconciled. */
  for: Resource<KubeObject>;
  /** Only these of them. @default all */
  selection?: Selection;
  /** Resources whose objects have an ownerReference (controller) to `for`; their changes enqueue the owner. */
  owns?: Resource<KubeObject>[];
  /** Other resources, with the keys that a change of one of their objects enqueues. `previous` is set on updates. */
  watches?: Watch[];
  /** Reconciles at once. @default 5 */
  workers?: number;
  /** At least so many milliseconds between two reconciles of one key; the changes in between share the second. @default 0 */
  minIntervalMs?: number;
  reconcile(key: string): Promise<ReconcileResult | void>;
}

export interface Selection {
  namespace?: string;
  fieldSelector?: string;
  labelSelector?: string;
}

export interface Watch {
  resource: Resource<KubeObject>;
  /** Only these objects are watched. @default all */
  selection?: Selection;
  // biome-ignore lint/suspicious/noExplicitAny: each mapping names its own type of object
  keys(object: any, previous?: any): string[];
}

export interface ReconcileResult {
  /** Reconcile this key again after so many milliseconds. */
  requeueAfterMs?: number;
}

/** How a file in controllers/ is made: a function from the context to the controller, listed in controllers/all.ts. */
export type ControllerFactory = (context: ControllerContext) => Controller;
