import type { Lease } from '../../api/generated/coordination-v1.ts';
import { leases } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';

const namespace = 'kube-node-lease';
const renewMs = 10_000;
const durationSeconds = 40;

interface LeaseParts {
  client: Client;
  clock: Clock;
  log: Logger;
  nodeName: string;
  nodeUid: () => string | undefined;
}

/** The node's heartbeat: a Lease renewed every 10 s (KEP-589). */
export class NodeLease {
  readonly #parts: LeaseParts;
  /** The Lease as last written. */
  #lease: Lease | undefined;
  /** Cancels the next renewal. */
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#renew();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #renew(): Promise<void> {
    const { clock, log, nodeName } = this.#parts;
    let delayMs = renewMs;
    try {
      await this.#write();
    } catch (error) {
      this.#lease = undefined;
      delayMs = 1000;
      // The namespace is made by the API server a moment after it starts.
      if (!hasReason(error, 'NotFound')) log.warn('cannot renew node lease', { node: nodeName, error });
    }
    if (!this.#stopped) this.#cancel = clock.after(delayMs, () => void this.#renew());
  }

  async #write(): Promise<void> {
    const { client, nodeName } = this.#parts;
    const renewTime = `${new Date(this.#parts.clock.now()).toISOString().slice(0, -1)}000Z`;
    this.#lease ??= await client.get(leases, nodeName, namespace).catch((error: unknown) => {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    });
    const spec = { holderIdentity: nodeName, leaseDurationSeconds: durationSeconds, renewTime };
    if (this.#lease) {
      this.#lease = await client.update(leases, { ...this.#lease, spec: { ...this.#lease.spec, ...spec } });
      return;
    }
    const uid = this.#parts.nodeUid();
    const ownerReferences = uid ? [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] : [];
    this.#lease = await client.create(leases, { metadata: { name: nodeName, namespace, ownerReferences }, spec });
  }
}
