import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { leases } from '../api/resource.ts';
import { FakeClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import type { Client } from './client.ts';
import { FakeTransport } from './fake-transport.ts';
import { runLeaderElection } from './leader-election.ts';
import { createClient } from './rest.ts';

/** Several candidates for one Lease, and a clock that they share. */
class Election {
  readonly clock = new FakeClock();
  readonly transport = new FakeTransport();
  readonly client: Client = createClient(this.transport);
  readonly told: string[] = [];
  /** Who leads now. */
  readonly leading = new Set<string>();
  /** Candidates whose requests fail. */
  readonly cutOff = new Set<string>();

  candidate(identity: string) {
    // Cut off: no answer ever comes.
    const reach = async (): Promise<Client> =>
      this.cutOff.has(identity) ? new Promise<Client>(() => {}) : this.client;
    const client: Client = {
      ...this.client,
      get: async (...args) => (await reach()).get(...args),
      create: async (...args) => (await reach()).create(...args),
      update: async (...args) => (await reach()).update(...args),
    };
    return runLeaderElection({
      client,
      events: { event: (_about, type, reason, message) => void this.told.push(`${type} ${reason} ${message}`) },
      clock: this.clock,
      log: silentLogger,
      namespace: 'kube-system',
      name: 'kube-scheduler',
      identity,
      lead: () => {
        this.leading.add(identity);
        return async () => void this.leading.delete(identity);
      },
    });
  }

  /** Time passes, with the requests that it brings. */
  async pass(seconds: number): Promise<void> {
    for (let n = 0; n < seconds * 2; n++) {
      await settle();
      this.clock.advance(500);
    }
    await settle();
  }

  async spec() {
    return (await this.client.get(leases, 'kube-scheduler', 'kube-system')).spec;
  }
}

describe('leader election', () => {
  test('the first candidate leads and renews, the second waits', async () => {
    const election = new Election();
    election.candidate('a');
    await settle();
    election.candidate('b');
    await election.pass(60);
    assert.deepEqual([...election.leading], ['a']);
    const { holderIdentity, leaseDurationSeconds, leaseTransitions, renewTime } = await election.spec();
    assert.deepEqual([holderIdentity, leaseDurationSeconds, leaseTransitions], ['a', 15, 0]);
    assert.ok(Date.parse(renewTime!) > election.clock.now() - 2500);
    assert.deepEqual(election.told, ['Normal LeaderElection a became leader']);
  });

  test('a leader that is cut off stops before another begins', async () => {
    const election = new Election();
    election.candidate('a');
    await settle();
    election.candidate('b');
    await election.pass(5);
    election.cutOff.add('a');
    const leaders: string[] = [];
    for (let n = 0; n < 80; n++) {
      await election.pass(0.5);
      leaders.push([...election.leading].join());
    }
    assert.ok(leaders.includes(''), 'nobody leads for a while');
    assert.ok(!leaders.some((names) => names.includes(',')), 'never two at once');
    assert.equal(leaders.at(-1), 'b');
    assert.equal((await election.spec()).leaseTransitions, 1);
    assert.ok(election.told.includes('Normal LeaderElection a stopped leading'));
  });

  test('a leader that stops in order is followed at the next attempt', async () => {
    const election = new Election();
    const a = election.candidate('a');
    await settle();
    election.candidate('b');
    await election.pass(3);
    await a.stop();
    assert.equal((await election.spec()).holderIdentity, '');
    await election.pass(5);
    assert.deepEqual([...election.leading], ['b']);
  });

  test('who comes back with the same identity goes on leading without waiting', async () => {
    const election = new Election();
    election.candidate('a');
    await settle();
    election.cutOff.add('a');
    election.leading.clear();
    election.cutOff.delete('a');
    election.candidate('a');
    await settle();
    assert.deepEqual([...election.leading], ['a']);
  });
});

async function settle(): Promise<void> {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
}
