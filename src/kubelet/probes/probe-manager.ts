import type { Container as ContainerDef, Pod, Probe } from '../../api/generated/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { type MetricFamily, Series } from '../../base/metrics.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { Container, Runtime } from '../../runtime/runtime.ts';
import { fieldPath } from '../pod-record.ts';
import type { ProbeKind } from './probe.ts';
import { probeOnce } from './probe-once.ts';

interface Target {
  pod: Pod;
  definition: ContainerDef;
  container: Container;
  podIP: string;
}

interface Worker extends Target {
  kind: ProbeKind;
  probe: Probe;
  /** What is in force; undefined until the threshold is reached once (startup), or the kind's initial value. */
  result: 'success' | 'failure' | undefined;
  /** The last outcome and how often it came in a row. */
  last: boolean | undefined;
  run: number;
  /** Cancels the next attempt. */
  cancel: (() => void) | undefined;
  stopped: boolean;
  /** How often it came out so. */
  readonly outcomes: { successful: number; failed: number; unknown: number };
  /** In seconds. */
  readonly durations: Series;
}

const kinds: ProbeKind[] = ['startup', 'liveness', 'readiness'];
const initial = { startup: undefined, liveness: 'success', readiness: 'failure' } as const;
/** Prometheus's default buckets. */
const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const titles = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;

/** Runs the probes of running containers and holds their results (kubelet prober/). A change of a result wakes the Pod. */
export class ProbeManager {
  readonly #runtime: Runtime;
  readonly #events: EventRecorder;
  readonly #clock: Clock;
  readonly #wake: (podUid: string) => void;
  /** By container id and kind. */
  readonly #workers = new Map<string, Worker>();

  constructor(parts: { runtime: Runtime; events: EventRecorder; clock: Clock; wake: (podUid: string) => void }) {
    this.#runtime = parts.runtime;
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#wake = parts.wake;
  }

  /** Probes a running container; for one that is probed already nothing changes. `adopted`: it ran before this process. */
  watch(target: Target, { adopted = false } = {}): void {
    for (const kind of kinds) {
      const probe = target.definition[`${kind}Probe`];
      const key = `${target.container.id}/${kind}`;
      const known = this.#workers.get(key);
      if (known) known.pod = target.pod;
      if (!probe || known) continue;
      const worker: Worker = {
        ...target,
        kind,
        probe,
        // After a restart of the kubelet what the API says stays true until a probe says otherwise.
        result: adopted ? reported(target, kind) : initial[kind],
        last: undefined,
        run: 0,
        cancel: undefined,
        stopped: false,
        outcomes: { successful: 0, failed: 0, unknown: 0 },
        durations: new Series(durationBounds, probeLabels({ ...target, kind })),
      };
      this.#workers.set(key, worker);
      // A clock that was set back makes it younger than it can be.
      const ageMs = Math.max(0, this.#clock.now() - target.container.startedAtMs);
      this.#schedule(worker, Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - ageMs));
    }
  }

  /** How the probes of running containers went, for /metrics/probes (prober/prober_manager.go ProberResults). */
  metrics(): MetricFamily[] {
    const workers = [...this.#workers.values()];
    return [
      {
        name: 'prober_probe_duration_seconds',
        help: 'Duration in seconds for a probe response.',
        type: 'histogram',
        samples: workers.flatMap(({ durations }) => durations.samples()),
      },
      {
        name: 'prober_probe_total',
        help: 'Cumulative number of a liveness, readiness or startup probe for a container by result.',
        type: 'counter',
        samples: workers.flatMap((worker) =>
          Object.entries(worker.outcomes).map(([result, value]) => ({
            labels: { ...probeLabels(worker), pod_uid: worker.pod.metadata.uid, result },
            value,
          })),
        ),
      },
    ];
  }

  result(containerId: string, kind: ProbeKind): 'success' | 'failure' | undefined {
    return this.#workers.get(`${containerId}/${kind}`)?.result;
  }

  /** The container has ended. */
  forget(containerId: string): void {
    for (const kind of kinds) {
      const worker = this.#workers.get(`${containerId}/${kind}`);
      if (!worker) continue;
      worker.stopped = true;
      worker.cancel?.();
      this.#workers.delete(`${containerId}/${kind}`);
    }
  }

  /** Ends liveness and startup probes of a Pod that is being stopped. */
  stopPod(podUid: string): void {
    for (const worker of [...this.#workers.values()]) {
      if (worker.pod.metadata.uid !== podUid) continue;
      worker.stopped = true;
      worker.cancel?.();
    }
  }

  close(): void {
    for (const worker of this.#workers.values()) {
      worker.stopped = true;
      worker.cancel?.();
    }
    this.#workers.clear();
  }

  #schedule(worker: Worker, delayMs: number): void {
    if (worker.stopped) return;
    worker.cancel?.();
    worker.cancel = this.#clock.after(delayMs, () => void this.#attempt(worker));
  }

  async #attempt(worker: Worker): Promise<void> {
    const { container, definition, kind, probe, podIP } = worker;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    const startup = definition.startupProbe && this.result(container.id, 'startup');
    // The other probes wait for startup; they are called as soon as it has passed.
    if (kind !== 'startup' && definition.startupProbe && startup !== 'success') return;
    const startMs = this.#clock.steady();
    const outcome = await probeOnce(this.#runtime, probe, { container: definition, containerId: container.id, podIP });
    if (worker.stopped) return;
    worker.outcomes[outcome.error ? 'unknown' : outcome.success ? 'successful' : 'failed']++;
    worker.durations.observe((this.#clock.steady() - startMs) / 1000);
    if (!outcome.success || outcome.warning) {
      const what = outcome.warning ? 'warning' : outcome.error ? 'errored' : 'failed';
      const text = `${titles[kind]} probe ${what}: ${outcome.output}`;
      this.#events.event(worker.pod, 'Warning', outcome.warning ? 'ProbeWarning' : 'Unhealthy', text, {
        fieldPath: fieldPath(worker.pod, definition.name),
      });
    }
    if (!outcome.error && this.#count(worker, outcome.success)) return;
    this.#schedule(worker, Math.max(0, periodMs - (this.#clock.steady() - startMs)));
  }

  /** Takes an outcome into account; true when this probe has said all it has to say. */
  #count(worker: Worker, success: boolean): boolean {
    const { kind, probe } = worker;
    worker.run = worker.last === success ? worker.run + 1 : 1;
    worker.last = success;
    const threshold = success ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (worker.run < threshold) return false;
    const result = success ? 'success' : 'failure';
    if (worker.result !== result) {
      worker.result = result;
      this.#wake(worker.pod.metadata.uid);
    }
    if (kind === 'startup' && success) {
      for (const other of ['liveness', 'readiness'] as const) {
        const waiting = this.#workers.get(`${worker.container.id}/${other}`);
        if (waiting) this.#schedule(waiting, 0);
      }
      return true;
    }
    return kind !== 'readiness' && !success;
  }
}

function probeLabels({ definition, pod, kind }: Pick<Worker, 'definition' | 'pod' | 'kind'>): Record<string, string> {
  const { name, namespace = '' } = pod.metadata;
  return { container: definition.name, namespace, pod: name, probe_type: titles[kind] };
}

/** The result that the Pod's status in the API stands for. */
function reported({ pod, definition }: Target, kind: ProbeKind): Worker['result'] {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const status = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === definition.name);
  if (kind === 'readiness') return status?.ready ? 'success' : 'failure';
  if (kind === 'startup') return status?.started ? 'success' : initial.startup;
  return initial.liveness;
}
