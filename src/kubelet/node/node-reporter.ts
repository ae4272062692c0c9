import type { Node, NodeStatus } from '../../api/generated/core-v1.ts';
import type { Draft } from '../../api/object.ts';
import { nodes } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { Images } from '../../runtime/runtime.ts';
import type { Pressure } from '../eviction/thresholds.ts';
import { seconds } from '../status/container-status.ts';
import { ensureCsiNode } from './csi-node.ts';
import type { Machine } from './machine.ts';
import { initialNode, type NodeIdentity, nodeStatus, statusChanged } from './node-object.ts';

/** Reasons of the Events that tell of a condition: False, True. */
const changeReasons: Record<string, [string, string]> = {
  MemoryPressure: ['NodeHasSufficientMemory', 'NodeHasInsufficientMemory'],
  DiskPressure: ['NodeHasNoDiskPressure', 'NodeHasDiskPressure'],
  PIDPressure: ['NodeHasSufficientPID', 'NodeHasInsufficientPID'],
  Ready: ['NodeNotReady', 'NodeReady'],
};

/** The kubelet's nodeStatusUpdateFrequency and nodeStatusReportFrequency. */
const lookMs = 10_000;
const reportMs = 5 * 60_000;

export interface ReporterParts {
  client: Client;
  events: EventRecorder;
  images: Images;
  clock: Clock;
  log: Logger;
  machine: Machine;
  identity: NodeIdentity;
  /** What the node is short of. */
  pressures(): readonly Pressure[];
  /** Why the node cannot run Pods, if so. */
  problem(): string | undefined;
  /** Which limits of the kernel are near. */
  limits(): string | undefined;
}

/** Registers the Node and keeps its status true (kubelet_node_status.go). */
export class NodeReporter {
  readonly #parts: ReporterParts;
  /** The newest Node that the API has answered. */
  #node: Node | undefined;
  /** When the status was last written, in milliseconds. */
  #reportedMs = 0;
  /** Cancels the next look; undefined while one is under way. */
  #cancel: (() => void) | undefined;
  #stopped = false;
  /** lookSoon was called during a look. */
  #again = false;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  get node(): Node | undefined {
    return this.#node;
  }

  /** Asks the API for the Node as it is now. */
  async refresh(): Promise<void> {
    this.#node = await this.#parts.client.get(nodes, this.#parts.identity.name);
  }

  /** Resolves when the API has the Node, Ready; tries until it can. */
  async register(): Promise<void> {
    const { clock, log } = this.#parts;
    for (let delayMs = 50; !this.#stopped; delayMs = Math.min(2 * delayMs, 5000)) {
      try {
        await this.#registerOnce();
        break;
      } catch (error) {
        log.warn('cannot register node', { node: this.#parts.identity.name, error });
        await new Promise<void>((resolve) => void clock.after(delayMs, resolve));
      }
    }
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #registerOnce(): Promise<void> {
    const { identity } = this.#parts;
    const status = await this.#status({});
    const draft = initialNode(identity, status);
    this.#node = await this.#createOrGet(draft);
    const fresh = await this.#status(this.#node.status ?? {});
    if (statusChanged(this.#node.status ?? {}, fresh)) await this.#write(fresh);
    this.#reportedMs = this.#parts.clock.steady();
    this.#tell();
    ensureCsiNode(this.#parts.client, this.#node).catch((error: unknown) =>
      this.#parts.log.warn('cannot create CSINode', { node: identity.name, error }),
    );
  }

  async #createOrGet(draft: Draft<Node>): Promise<Node> {
    const { client, identity } = this.#parts;
    try {
      return await client.create(nodes, draft);
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
    }
    this.#node = await client.get(nodes, identity.name);
    await this.#mendLabels(draft.metadata.labels ?? {});
    return this.#node;
  }

  async #mendLabels(wanted: Record<string, string>): Promise<void> {
    const labels = this.#node?.metadata.labels ?? {};
    if (Object.entries(wanted).every(([key, value]) => labels[key] === value)) return;
    const body = { metadata: { labels: wanted } };
    const { client, identity, log } = this.#parts;
    try {
      this.#node = await client.patch(nodes, identity.name, undefined, { type: 'merge', body });
    } catch (error) {
      log.warn('cannot mend node labels', { node: identity.name, error });
    }
  }

  /** The Events that a kubelet starts with; all about the Node. */
  #tell(): void {
    const { events, identity } = this.#parts;
    const about = this.#node;
    if (!about) return;
    const { name } = identity;
    events.event(about, 'Normal', 'Starting', 'Starting kubelet.');
    for (const reason of ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID', 'NodeReady'])
      events.event(about, 'Normal', reason, `Node ${name} status is now: ${reason}`);
  }

  /** An Event for each condition that came or went (nodestatus/setters.go recordEventFunc). */
  #tellChanges(before: NodeStatus, after: NodeStatus): void {
    const { events, identity } = this.#parts;
    const about = this.#node;
    for (const { type, status } of after.conditions ?? []) {
      const old = before.conditions?.find((condition) => condition.type === type)?.status;
      const reason = changeReasons[type]?.[status === 'True' ? 1 : 0];
      if (!about || !reason || old === undefined || old === status) continue;
      events.event(about, 'Normal', reason, `Node ${identity.name} status is now: ${reason}`);
    }
  }

  /** Something about the node has changed: do not wait for the next look. */
  lookSoon(): void {
    if (!this.#cancel) this.#again = true;
    else this.#schedule(0);
  }

  #schedule(afterMs = lookMs): void {
    this.#cancel?.();
    if (this.#stopped) return;
    this.#cancel = this.#parts.clock.after(afterMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { clock, identity, log } = this.#parts;
    this.#cancel = undefined;
    this.#again = false;
    try {
      const due = clock.steady() - this.#reportedMs >= reportMs;
      // Others write into the status, too: extended resources, conditions while we were not heard of.
      await this.refresh();
      const before = this.#node?.status ?? {};
      const status = await this.#status(before);
      if (due || statusChanged(before, status)) {
        await this.#write(status);
        this.#reportedMs = clock.steady();
        this.#tellChanges(before, status);
      }
    } catch (error) {
      if (hasReason(error, 'NotFound')) await this.#registerOnce().catch(() => {});
      else log.warn('cannot update node status', { node: identity.name, error });
    }
    this.#schedule(this.#again ? 0 : lookMs);
  }

  async #status(previous: NodeStatus): Promise<NodeStatus> {
    const { images, machine, identity, clock, pressures, limits, problem } = this.#parts;
    const health = { pressures: pressures(), limits: limits(), problem: problem() };
    return nodeStatus(identity, machine, health, await images.list(), previous, seconds(clock.now()));
  }

  async #write(status: NodeStatus): Promise<void> {
    const { client, identity } = this.#parts;
    // Conditions and addresses merge by type; images is replaced whole.
    const gone = missing(this.#node?.status?.allocatable ?? {}, status.allocatable ?? {});
    const body = { status: { ...status, allocatable: { ...gone, ...status.allocatable } } };
    const patch = { type: 'strategic', body } as const;
    this.#node = await client.patch(nodes, identity.name, undefined, patch, { subresource: 'status' });
  }
}

/** The keys that are not there any more, as a patch has them. */
function missing(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, null> {
  const names = Object.keys(before).filter((name) => !(name in after));
  return Object.fromEntries(names.map((name) => [name, null]));
}
