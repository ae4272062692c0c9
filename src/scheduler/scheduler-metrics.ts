import { Histogram, Metric, type MetricFamily } from '../base/metrics.ts';
import type { SchedulingQueue } from './scheduling-queue.ts';

/** ExponentialBuckets(0.001, 2, 15) of kubernetes pkg/scheduler/metrics. */
const bounds = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);
const profile = 'default-scheduler';

/** What the scheduler tells of itself, by the names of kube-scheduler. */
export class SchedulerMetrics {
  readonly #queue: SchedulingQueue;
  readonly #attempts = new Metric('counter', {
    name: 'scheduler_schedule_attempts_total',
    help: "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.",
    labels: ['profile', 'result'],
  });
  readonly #durations = new Histogram(bounds, {
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'Scheduling attempt latency in seconds (scheduling algorithm + binding)',
    labels: ['profile', 'result'],
  });
  readonly #preemptions = new Metric('counter', {
    name: 'scheduler_preemption_attempts_total',
    help: 'Total preemption attempts in the cluster till now',
  });

  constructor(queue: SchedulingQueue) {
    this.#queue = queue;
  }

  attempted(result: 'scheduled' | 'unschedulable' | 'error', seconds: number): void {
    this.#attempts.add(1, profile, result);
    this.#durations.observe(seconds, profile, result);
  }

  preempted(): void {
    this.#preemptions.add(1);
  }

  families(): MetricFamily[] {
    return [
      {
        name: 'scheduler_pending_pods',
        help: "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods.",
        type: 'gauge',
        samples: Object.entries(this.#queue.sizes).map(([queue, value]) => ({ labels: { queue }, value })),
      },
      this.#attempts.family(),
      this.#durations.family(),
      this.#preemptions.family(),
    ];
  }
}
