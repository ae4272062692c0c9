import type { Lease, LeaseSpec } from '../api/generated/coordination-v1.ts';
import { leases } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import { formatMicroTime } from '../api/time.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from './client.ts';
import type { EventRecorder } from './event-recorder.ts';

export interface LeaderElectionOptions {
  client: Client;
  events: EventRecorder;
  clock: Clock;
  log: Logger;
  /** The Lease that candidates compete for. */
  namespace: string;
  name: string;
  /** Who we are: no other candidate may have the same. */
  identity: string;
  /** Starts what only the leader does; the returned function ends it, and is waited for before another may lead. */
  lead(): () => Promise<void>;
}

export interface LeaderElection {
  /** Ends what the leader does, and lets another lead at once. */
  stop(): Promise<void>;
}

/** As kube-controller-manager and kube-scheduler have them (component-base config/v1alpha1 RecommendedDefaultLeaderElectionConfiguration). */
const leaseDurationMs = 15_000;
const renewDeadlineMs = 10_000;
const retryPeriodMs = 2000;
/** Candidates try at up to 2.2 times the period, so that they do not try together (leaderelection.go JitterFactor). */
const jitter = 1.2;

/** Leads while it holds a Lease, and stands as a candidate while it does not (client-go tools/leaderelection). */
export function runLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const candidate = new Candidate(options);
  candidate.start();
  return { stop: () => candidate.stop() };
}

class Candidate {
  readonly #options: LeaderElectionOptions;
  /** The Lease as it was last read or written. */
  #lease: Lease | undefined;
  /** When #lease was last seen to change, by our own clock: clocks of candidates need not agree. */
  #changedMs = 0;
  /** When we last renewed; the lease is not ours any more renewDeadlineMs later. */
  #renewedMs = 0;
  /** Ends what the leader does; undefined while another leads. */
  #endLeading: (() => Promise<void>) | undefined;
  #cancelTimer: () => void = () => {};
  /** The attempt under way; never rejects. */
  #attempt: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#attempt = this.#try();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#attempt;
    const led = this.#endLeading !== undefined;
    await this.#stepDown();
    if (led) await this.#release();
  }

  async #try(): Promise<void> {
    const { log, clock, name } = this.#options;
    try {
      if (await this.#inTime(this.#acquireOrRenew())) {
        this.#renewedMs = clock.steady();
        if (!this.#endLeading) this.#stepUp();
      }
    } catch (error) {
      log.warn('cannot acquire or renew the lease', { lease: name, error });
    }
    if (this.#endLeading && !this.#isOurs()) await this.#stepDown();
    if (this.#stopped) return;
    const delayMs = retryPeriodMs * (this.#endLeading ? 1 : 1 + jitter * Math.random());
    this.#cancelTimer = clock.after(delayMs, () => {
      this.#attempt = this.#try();
    });
  }

  /** A leader does not wait for an answer beyond its deadline: by then another may lead. */
  async #inTime(attempt: Promise<boolean>): Promise<boolean> {
    if (!this.#endLeading) return attempt;
    const { clock } = this.#options;
    let cancel = () => {};
    const late = new Promise<never>((_resolve, reject) => {
      const left = this.#renewedMs + renewDeadlineMs - clock.steady();
      cancel = clock.after(left, () => reject(new Error(`no answer within ${renewDeadlineMs / 1000} s`)));
    });
    attempt.catch(() => {});
    return Promise.race([attempt, late]).finally(() => cancel());
  }

  /** Another has taken it, or may do so soon, as we could not renew it for too long. */
  #isOurs(): boolean {
    const { clock, identity } = this.#options;
    return this.#lease?.spec.holderIdentity === identity && clock.steady() < this.#renewedMs + renewDeadlineMs;
  }

  async #acquireOrRenew(): Promise<boolean> {
    const { client, namespace, name, identity, clock } = this.#options;
    // The holder writes what it knows; if another wrote, the conflict tells, and the next attempt reads.
    const known = this.#endLeading ? this.#lease : undefined;
    const found = known ?? (await client.get(leases, name, namespace).catch(ifNotFound));
    if (!found) {
      this.#observe(await client.create(leases, { metadata: { name, namespace }, spec: this.#record(undefined) }));
      return true;
    }
    if (!known) this.#observe(found);
    const holder = found.spec.holderIdentity;
    const expiresMs = this.#changedMs + (found.spec.leaseDurationSeconds ?? 0) * 1000;
    if (holder && holder !== identity && clock.steady() < expiresMs) return false;
    try {
      this.#observe(await client.update(leases, { ...found, spec: this.#record(found.spec) }));
      return true;
    } catch (error) {
      if (!hasReason(error, 'Conflict')) throw error;
      const current = await client.get(leases, name, namespace);
      this.#observe(current);
      return false;
    }
  }

  #observe(lease: Lease): void {
    const same = JSON.stringify(lease.spec) === JSON.stringify(this.#lease?.spec);
    if (!same) this.#changedMs = this.#options.clock.steady();
    this.#lease = lease;
  }

  #record(before: LeaseSpec | undefined): LeaseSpec {
    const { identity, clock } = this.#options;
    const now = formatMicroTime(new Date(clock.now()));
    const ours = before?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: leaseDurationMs / 1000,
      acquireTime: ours ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (before && !ours ? 1 : 0),
    };
  }

  #stepUp(): void {
    const { log, name, identity, lead } = this.#options;
    log.info('became leader', { lease: name, identity });
    this.#tell('became leader');
    this.#endLeading = lead();
  }

  async #stepDown(): Promise<void> {
    const end = this.#endLeading;
    if (!end) return;
    this.#endLeading = undefined;
    this.#options.log.info('stopped leading', { lease: this.#options.name });
    this.#tell('stopped leading');
    await end();
  }

  #tell(what: string): void {
    const { events, identity } = this.#options;
    if (this.#lease) events.event(this.#lease, 'Normal', 'LeaderElection', `${identity} ${what}`);
  }

  /** Nobody holds it: the next candidate need not wait (ReleaseOnCancel). */
  async #release(): Promise<void> {
    const { client, clock, log } = this.#options;
    const lease = this.#lease;
    if (!lease || !this.#isOurs()) return;
    const now = formatMicroTime(new Date(clock.now()));
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
    await client
      .update(leases, { ...lease, spec })
      .catch((error: unknown) => log.warn('cannot release the lease', { lease: lease.metadata.name, error }));
  }
}

function ifNotFound(error: unknown): undefined {
  if (!hasReason(error, 'NotFound')) throw error;
}
