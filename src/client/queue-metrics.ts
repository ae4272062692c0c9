import { type MetricFamily, Series } from '../base/metrics.ts';
import type { WorkQueue } from './work-queue.ts';

/** component-base/metrics/prometheus/workqueue: ExponentialBuckets(10e-9, 10, 12), from 10 nanoseconds to 1000 seconds. */
const bounds = Array.from({ length: 12 }, (_, i) => Number((1e-8 * 10 ** i).toPrecision(1)));

/** What a controller's queue tells of itself, by the names of client-go's workqueue metrics. */
export class QueueMetrics {
  readonly #labels: { name: string };
  readonly #queue: WorkQueue;
  /** Seconds that each reconcile took. */
  readonly #work: Series;

  constructor(name: string, queue: WorkQueue) {
    this.#labels = { name };
    this.#queue = queue;
    this.#work = new Series(bounds, this.#labels);
  }

  worked(seconds: number): void {
    this.#work.observe(seconds);
  }

  families(): MetricFamily[] {
    const labels = this.#labels;
    const { adds, retries, length } = this.#queue;
    return [
      {
        ...{ name: 'workqueue_adds_total', type: 'counter', help: 'Total number of adds handled by workqueue' },
        samples: [{ labels, value: adds }],
      },
      {
        ...{ name: 'workqueue_depth', type: 'gauge', help: 'Current depth of workqueue' },
        samples: [{ labels, value: length }],
      },
      {
        ...{ name: 'workqueue_retries_total', type: 'counter', help: 'Total number of retries handled by workqueue' },
        samples: [{ labels, value: retries }],
      },
      {
        name: 'workqueue_work_duration_seconds',
        type: 'histogram',
        help: 'How long in seconds processing an item from workqueue takes.',
        samples: this.#work.samples(),
      },
    ];
  }
}
