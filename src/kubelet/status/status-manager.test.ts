import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/generated/core-v1.ts';
import { FakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import { StatusManager } from './status-manager.ts';

const pod = (name: string): Pod =>
  ({ metadata: { name, namespace: 'default', uid: name, resourceVersion: '1' }, spec: { containers: [] } }) as never;

/** A manager, and the names of the Pods whose status it has written, in order. */
function managed(): { manager: StatusManager; clock: FakeClock; written: string[] } {
  const clock = new FakeClock();
  const written: string[] = [];
  const client = {
    patch: async (_resource: unknown, name: string) => {
      written.push(name);
      return pod(name);
    },
  } as unknown as Client;
  return { manager: new StatusManager(client, clock, silentLogger), clock, written };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a lazy status that is overtaken is never written', async () => {
  const { manager, clock, written } = managed();
  manager.set(pod('a'), { phase: 'Pending' }, { lazy: true });
  clock.advance(2000);
  manager.set(pod('a'), { phase: 'Running' });
  await turn();
  clock.advance(10_000);
  await turn();
  assert.deepEqual(written, ['a']);
});

test('hundreds that wait for their turn are told of a few at a time, and one that runs at once', async () => {
  const { manager, clock, written } = managed();
  for (let n = 0; n < 100; n++) manager.set(pod(`waiting-${n}`), { phase: 'Pending' }, { lazy: true });
  clock.advance(3000);
  await turn();
  assert.equal(written.length, 10);
  manager.set(pod('waiting-99'), { phase: 'Running' });
  await turn();
  assert.equal(written.at(-1), 'waiting-99');
  for (let n = 0; n < 20; n++) {
    clock.advance(500);
    await turn();
  }
  assert.equal(written.length, 100, 'each is written once');
});

test('what could not be written is written again after a second, however many wait', async () => {
  const clock = new FakeClock();
  let reachable = false;
  const written: string[] = [];
  const client = {
    patch: async (_resource: unknown, name: string) => {
      if (!reachable) throw new Error('connection refused');
      written.push(name);
      return pod(name);
    },
  } as unknown as Client;
  const manager = new StatusManager(client, clock, silentLogger);
  for (let n = 0; n < 50; n++) manager.set(pod(`waiting-${n}`), { phase: 'Pending' }, { lazy: true });
  clock.advance(2500);
  manager.set(pod('running'), { phase: 'Running' });
  await turn();
  reachable = true;
  clock.advance(1000);
  await turn();
  assert.equal(written.length, 21, 'ten at 3 s, ten at 3.5 s, and the one');
  assert.ok(written.includes('running'));
});
