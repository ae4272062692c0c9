import type { Pod, PodStatus } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/resource.ts';
import { hasReason, StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import { Limiter } from '../limiter.ts';
import { resizeTypes } from './conditions.ts';
import { statusPatch } from './status-patch.ts';

interface Entry {
  pod: Pod;
  /** What the API is to say. */
  wanted: PodStatus;
  /** What the API says as far as we know: our last accepted write, else the object's own status. */
  known: PodStatus;
  /** Resource version of that write; older news is history. */
  version: number;
  /** A write is under way; the next waits for it. */
  writing: boolean;
  /** Milliseconds at which `wanted` must be written. */
  dueMs: number;
  /** Nobody waits for what is not written yet. */
  lazy: boolean;
  /** Called when `known` equals `wanted`, or the Pod is gone. */
  waiters: (() => void)[];
}

/** The conditions that the kubelet alone decides. */
const ownConditions = new Set<string>([
  ...['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'],
  ...resizeTypes,
]);

/** How long news that nobody waits for (a container is being created) may wait to be overtaken. */
const lazyMs = 3000;
/**
 * Of those that nobody has overtaken until then, so many are written at a time: where hundreds of Pods wait for their turn,
 * the news of those that run goes first.
 */
const lazyAtOnce = 10;
const lazyPauseMs = 500;
const retryMs = 1000;

/**
 * Writes Pod statuses: one PATCH per change, at most one under way per Pod, intermediate states that are overtaken are
 * never written. Holds the last status of each Pod, which is newer than the API's.
 */
export class StatusManager {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry>();
  /** The object that tells of a Pod: for a static one its mirror, once there is one. */
  readonly #objectOf: (pod: Pod) => Pod | undefined;
  /** Bounds the writes under way, so that a burst does not crowd out the Lease. */
  readonly #limiter = new Limiter(32);
  /** One timer for all Pods, set for the earliest due time. */
  #timer: { atMs: number; cancel: () => void } | undefined;

  constructor(client: Client, clock: Clock, log: Logger, objectOf: (pod: Pod) => Pod | undefined = (pod) => pod) {
    this.#objectOf = objectOf;
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  /** The newest status: ours, or the one in the object. */
  get(pod: Pod): PodStatus {
    return this.#entries.get(pod.metadata.uid)?.wanted ?? pod.status ?? {};
  }

  /**
   * Takes over what others have written into the status (readiness gates, DisruptionTarget), and sets right what is ours.
   * True when they have ended the Pod: a phase that is final stays (kubelet_pods.go generateAPIPodStatus).
   */
  observe(pod: Pod): boolean {
    const entry = this.#entries.get(pod.metadata.uid);
    if (!entry) return false;
    entry.pod = pod;
    const { phase } = pod.status ?? {};
    if (isFinal(phase) && !isFinal(entry.wanted.phase)) {
      entry.known = { ...entry.known, phase };
      entry.wanted = { ...entry.wanted, phase };
      return true;
    }
    const reported = pod.status?.conditions ?? [];
    const foreign = reported.filter(({ type }) => !ownConditions.has(type));
    const merge = (status: PodStatus): PodStatus => ({
      ...status,
      conditions: [
        ...foreign,
        // What the API does not have yet is on its way there: our own DisruptionTarget.
        ...(status.conditions ?? []).filter(
          ({ type }) =>
            ownConditions.has(type) || (type === 'DisruptionTarget' && !foreign.some((one) => one.type === type)),
        ),
      ],
    });
    entry.known = merge(entry.known);
    entry.wanted = merge(entry.wanted);
    // The node lifecycle controller says that Pods are not ready when it misses the node for a while.
    if (entry.writing || Number(pod.metadata.resourceVersion) <= entry.version) return false;
    if (essence(pod.status ?? {}) === essence(entry.known)) return false;
    entry.known = { ...entry.known, ...(phase && { phase }), conditions: reported };
    this.set(pod, entry.wanted);
    return false;
  }

  /** Reports a status. `lazy`: it may be overtaken by the next one within lazyMs. */
  set(pod: Pod, wanted: PodStatus, { lazy = false } = {}): void {
    let entry = this.#entries.get(pod.metadata.uid);
    if (!entry) {
      entry = {
        pod,
        wanted,
        known: pod.status ?? {},
        version: 0,
        writing: false,
        dueMs: Number.POSITIVE_INFINITY,
        lazy: true,
        waiters: [],
      };
      this.#entries.set(pod.metadata.uid, entry);
    }
    entry.pod = pod;
    entry.wanted = wanted;
    if (entry.writing) return;
    if (!statusPatch(entry.known, wanted)) {
      this.#settle(entry);
      return;
    }
    const now = this.#clock.steady();
    entry.dueMs = Math.min(entry.dueMs, lazy ? now + lazyMs : now);
    entry.lazy &&= lazy;
    if (entry.dueMs <= now) void this.#write(entry);
    else this.#arm(entry.dueMs);
  }

  /** Another object tells of the Pod from now on. */
  retarget(uid: string, { status = {} }: Pod): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.known = status;
    this.set(entry.pod, entry.wanted);
  }

  /** Resolves when the newest status is in the API (or the Pod is not). */
  async whenWritten(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry || (!entry.writing && !statusPatch(entry.known, entry.wanted))) return;
    await new Promise<void>((resolve) => entry.waiters.push(resolve));
  }

  forget(uid: string): void {
    const entry = this.#entries.get(uid);
    this.#entries.delete(uid);
    if (entry) this.#settle(entry);
  }

  close(): void {
    this.#timer?.cancel();
    for (const uid of [...this.#entries.keys()]) this.forget(uid);
  }

  async #write(entry: Entry): Promise<void> {
    entry.dueMs = Number.POSITIVE_INFINITY;
    const { uid } = entry.pod.metadata;
    const object = this.#objectOf(entry.pod);
    if (!object) return;
    entry.writing = true;
    const { name, namespace, uid: objectUid } = object.metadata;
    try {
      await this.#limiter.run(async () => {
        const wanted = entry.wanted;
        const status = statusPatch(entry.known, wanted);
        if (!status || !this.#entries.has(uid)) return;
        const body = { metadata: { uid: objectUid }, status };
        const patch = { type: 'strategic', body } as const;
        const written = await this.#client.patch(pods, name, namespace, patch, { subresource: 'status' });
        entry.version = Number(written.metadata.resourceVersion) || 0;
        entry.known = wanted;
      });
      entry.writing = false;
      this.#afterWrite(entry);
    } catch (error) {
      entry.writing = false;
      this.#afterFailure(entry, error);
    }
  }

  #afterWrite(entry: Entry): void {
    if (!this.#entries.has(entry.pod.metadata.uid)) return;
    if (statusPatch(entry.known, entry.wanted)) void this.#write(entry);
    else this.#settle(entry);
  }

  #afterFailure(entry: Entry, error: unknown): void {
    // Gone, or another Pod of the same name: nobody is left to tell.
    const gone = hasReason(error, 'NotFound') || hasReason(error, 'Conflict');
    const refused = error instanceof StatusError && error.code >= 400 && error.code < 429;
    if (!gone) this.#log.warn('cannot write pod status', { pod: entry.pod.metadata.name, error });
    if (gone || refused) {
      entry.known = entry.wanted;
      this.#settle(entry);
      return;
    }
    entry.dueMs = this.#clock.steady() + retryMs;
    this.#arm(entry.dueMs);
  }

  #settle(entry: Entry): void {
    entry.dueMs = Number.POSITIVE_INFINITY;
    entry.lazy = true;
    for (const resolve of entry.waiters.splice(0)) resolve();
  }

  #arm(atMs: number): void {
    if (this.#timer && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(Math.max(0, atMs - this.#clock.steady()), () => this.#flush());
    this.#timer = { atMs, cancel };
  }

  #flush(): void {
    this.#timer = undefined;
    const now = this.#clock.steady();
    let next = Number.POSITIVE_INFINITY;
    let lazy = 0;
    for (const entry of this.#entries.values()) {
      if (entry.writing) continue;
      if (entry.dueMs > now) next = Math.min(next, entry.dueMs);
      else if (!entry.lazy || lazy++ < lazyAtOnce) void this.#write(entry);
      else next = Math.min(next, now + lazyPauseMs);
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
  }
}

const isFinal = (phase: PodStatus['phase']): boolean => phase === 'Succeeded' || phase === 'Failed';

/** Phase and own conditions: what others might have changed. */
function essence({ phase, conditions = [] }: PodStatus): string {
  const own = conditions.filter(({ type }) => ownConditions.has(type)).map(({ type, status }) => `${type}=${status}`);
  return [phase, ...own.sort()].join(' ');
}
