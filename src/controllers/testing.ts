import type { Node, Pod } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import type { ControllerFactory } from '../client/controller.ts';
import { FakeTransport } from '../client/fake-transport.ts';
import { createInformerFactory } from '../client/informers.ts';
import { createClient } from '../client/rest.ts';
import { runControllers } from '../client/run-controller.ts';

/** What tests of controllers start from: objects, and controllers that run against an API in memory. */

export const startMs = Date.parse('2026-01-01T00:00:00Z');
/** The time so many seconds after startMs, as the API writes it. */
export const at = (seconds: number) => `${new Date(startMs + seconds * 1000).toISOString().slice(0, 19)}Z`;

type Part<T> = { [K in keyof T]?: T[K] extends object | undefined ? Part<T[K]> : T[K] };

/** An object with the metadata that the server would have given it. */
export function made<T extends KubeObject>(kind: string, name: string, rest: Part<T> = {}): T {
  const { metadata, ...fields } = rest as Part<KubeObject>;
  return {
    apiVersion: 'v1',
    kind,
    metadata: {
      name,
      namespace: kind === 'Node' ? undefined : 'x',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: at(0),
      ...metadata,
    },
    ...fields,
  } as T;
}

export const pod = (name: string, rest: Part<Pod> = {}) =>
  made<Pod>('Pod', name, { ...rest, spec: { containers: [], ...rest.spec } } as Part<Pod>);
export const node = (name: string, rest: Part<Node> = {}) =>
  made<Node>('Node', name, { ...rest, spec: { ...rest.spec } } as Part<Node>);

/** A status of a running Pod that has been ready since `second`. */
export const readySince = (second: number): Part<Pod> => ({
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(second) }] as never,
  },
});

/** Runs controllers over a small API in memory. */
export async function runInMemory(factories: ControllerFactory[], clock: Clock = systemClock) {
  const transport = new FakeTransport();
  const client = createClient(transport);
  const informers = createInformerFactory(client, { log: silentLogger, clock });
  const told: string[] = [];
  const events = {
    event: (_about: KubeObject, type: string, reason: string, message: string) =>
      void told.push(`${type} ${reason} ${message}`),
  };
  const running = runControllers(factories, { client, informers, events, clock, log: silentLogger });
  await running.whenSynced();
  return {
    client,
    transport,
    told,
    stop: async () => {
      await running.stop();
      informers.stop();
    },
  };
}

/** Waits until `test` holds; fails after two seconds. */
export async function eventually(test: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await test()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not in time: ${test}`);
}
