import type { NodeContext } from '../node-context.ts';
import type { PodRecord } from '../pod-record.ts';
import { MachineShutdown } from './machine-shutdown.ts';
import { planShutdown, type ShutdownGroup } from './plan-shutdown.ts';

const message = 'Pod was terminated in response to imminent node shutdown.';
const pollMs = 50;

export interface NodeShutdownParts {
  node: NodeContext;
  records(): PodRecord[];
  wake(uid: string): void;
  /** The Node's condition has changed. */
  changed(): void;
}

/** Ends all Pods before the node goes, the important ones last, and says so in the API (KEP-2000, KEP-2712). */
export class NodeShutdown {
  readonly #parts: NodeShutdownParts;
  #begun = false;

  constructor(parts: NodeShutdownParts) {
    this.#parts = parts;
  }

  /** Why the node takes no Pods any more. */
  get problem(): string | undefined {
    return this.#begun ? 'node is shutting down' : undefined;
  }

  /** Resolves when all Pods have ended and the API knows it, or their time is over. */
  async run(): Promise<void> {
    const { node, records, changed } = this.#parts;
    const { shutdownGracePeriods } = node.configuration;
    if (this.#begun || shutdownGracePeriods.length === 0) return;
    this.#begun = true;
    changed();
    const active = records().filter(({ finished, failure, gone }) => !finished && !failure && !gone);
    for (const group of planShutdown(shutdownGracePeriods, active)) await this.#end(group);
  }

  /** Does the same when the machine is about to go down; the returned function ends that. */
  watchMachine(): () => void {
    const { clock, configuration, log } = this.#parts.node;
    const machine = new MachineShutdown({
      ...{ periods: configuration.shutdownGracePeriods, clock, log: log.child('shutdown') },
      shutDown: () => this.run(),
      calledOff: () => this.#calledOff(),
    });
    void machine.start();
    return () => machine.stop();
  }

  /** The machine stays: Pods are welcome again. */
  #calledOff(): void {
    if (!this.#begun) return;
    this.#begun = false;
    this.#parts.changed();
  }

  async #end({ graceSeconds, pods }: ShutdownGroup<PodRecord>): Promise<void> {
    const { node, wake } = this.#parts;
    const deadline = node.clock.steady() + graceSeconds * 1000;
    for (const record of pods) {
      const own = record.pod.spec.terminationGracePeriodSeconds ?? 30;
      const grace = Math.min(own, graceSeconds);
      record.failure = { reason: 'Terminated', message, graceSeconds: grace, disruption: true };
      wake(record.uid);
    }
    const ended = () => pods.every(({ finished, gone }) => finished || gone);
    while (!ended() && node.clock.steady() < deadline) await this.#pause(pollMs);
    const told = Promise.all(pods.map(({ uid }) => node.status.whenWritten(uid)));
    await Promise.race([told, this.#pause(Math.max(pollMs, deadline - node.clock.steady()))]);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.node.clock.after(ms, resolve));
  }
}
