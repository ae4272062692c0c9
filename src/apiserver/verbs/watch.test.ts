import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { FakeClock } from '../../base/clock.ts';
import type { PushStream } from '../http/push-stream.ts';
import { startTestServer, type TestServer } from '../testing/start-server.ts';

const path = '/api/v1/namespaces/default/configmaps';
const merge = { 'content-type': 'application/merge-patch+json' };

interface Event {
  type: string;
  object: { kind: string; metadata: { name?: string; resourceVersion: string; annotations?: object }; code?: number };
}

/** The first `count` events of a watch. */
async function take(server: TestServer, query: string, count: number): Promise<Event[]> {
  const controller = new AbortController();
  const { body } = await server.open(`${path}?watch=true${query}`, controller.signal);
  const events: Event[] = [];
  for await (const chunk of body) {
    for (const line of Buffer.from(chunk).toString().trimEnd().split('\n')) events.push(JSON.parse(line));
    if (events.length >= count) break;
  }
  controller.abort();
  return events.slice(0, count);
}

/** A watch that is written to a connection; resolves with its events as soon as they are as many as asked for. */
async function connect(server: TestServer, query: string): Promise<(count: number) => Promise<string[]>> {
  const { body } = await server.open(`${path}?watch=true${query}`, new AbortController().signal);
  const events: string[] = [];
  (body as PushStream).attach({
    write(chunks) {
      const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
      events.push(...brief(lines.map((line) => JSON.parse(line))));
    },
    end: () => void events.push('end'),
    backlog: 0,
  });
  return async (count) => {
    while (events.length < count) await new Promise((resolve) => setImmediate(resolve));
    return events;
  };
}

const brief = (events: Event[]) => events.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim());

describe('watch', () => {
  it('resumes from a resourceVersion and goes on with what happens', async () => {
    const server = await startTestServer();
    const { body } = await server.call('POST', path, { metadata: { name: 'a' } });
    await server.call('POST', path, { metadata: { name: 'b' } });
    const events = take(server, `&resourceVersion=${body.metadata.resourceVersion}`, 3);
    await server.call('PATCH', `${path}/a`, { data: { x: '1' } }, merge);
    const { body: last } = await server.call('GET', `${path}/b`);
    await server.call('DELETE', `${path}/b`);
    const seen = await events;
    assert.deepEqual(brief(seen), ['ADDED b', 'MODIFIED a', 'DELETED b']);
    assert.ok(Number(seen[2]?.object.metadata.resourceVersion) > Number(last.metadata.resourceVersion));
  });

  it('turns leaving and entering a selection into DELETED and ADDED', async () => {
    const server = await startTestServer();
    await server.call('POST', path, { metadata: { name: 'a', labels: { on: '1' } } });
    const events = take(server, '&labelSelector=on%3D1', 3);
    await server.call('PATCH', `${path}/a`, { metadata: { labels: { on: '0' } } }, merge);
    await server.call('PATCH', `${path}/a`, { metadata: { labels: { on: '1' } } }, merge);
    assert.deepEqual(brief(await events), ['ADDED a', 'DELETED a', 'ADDED a']);
  });

  it('tells watches of one view the same together, each from its own beginning on and to its end', async () => {
    const server = await startTestServer();
    const { body } = await server.call('POST', path, { metadata: { name: 'a' } });
    const { resourceVersion } = body.metadata;
    const create = (name: string) => server.call('POST', path, { metadata: { name } });
    const first = await connect(server, `&resourceVersion=${resourceVersion}`);
    const never = await connect(server, `&resourceVersion=${Number(resourceVersion) + 1000}`);
    await create('b');
    const second = await connect(server, '');
    const selecting = await connect(server, '&fieldSelector=metadata.name%3Dd');
    for (const name of ['c', 'd']) await create(name);
    await server.server.stop();
    assert.deepEqual(await first(4), ['ADDED b', 'ADDED c', 'ADDED d', 'end']);
    assert.deepEqual(await second(5), ['ADDED a', 'ADDED b', 'ADDED c', 'ADDED d', 'end']);
    assert.deepEqual(await selecting(2), ['ADDED d', 'end']);
    assert.deepEqual(await never(1), ['end']);
  });

  it('marks the end of initial events with a bookmark', async () => {
    const server = await startTestServer();
    await server.call('POST', path, { metadata: { name: 'a' } });
    const query = '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const events = await take(server, query, 2);
    assert.deepEqual(brief(events), ['ADDED a', 'BOOKMARK']);
    assert.deepEqual(events[1]?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
  });

  it('begins with all there is, though it is more than a client may be behind', async () => {
    const server = await startTestServer();
    const data = { text: 'x'.repeat(1 << 20) };
    for (let n = 0; n < 40; n++) await server.call('POST', path, { metadata: { name: `n${n}` }, data });
    assert.equal((await take(server, '', 40)).length, 40);
  });

  it('keeps nothing of a request from within the process when it ends', async () => {
    const { server } = await startTestServer();
    const { signal } = new AbortController();
    const transport = server.transport({ name: 'admin', groups: ['system:masters'] });
    const { body } = await transport.request({ method: 'GET', path: `${path}?watch=true`, signal });
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    await server.stop();
    for await (const _ of body);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  it('sends bookmarks once a minute and ends after timeoutSeconds', async () => {
    const clock = new FakeClock();
    const server = await startTestServer({ clock });
    const controller = new AbortController();
    const since = (await server.call('GET', path)).body.metadata.resourceVersion;
    const query = `watch=true&resourceVersion=${since}&allowWatchBookmarks=true&timeoutSeconds=90`;
    const { body } = await server.open(`${path}?${query}`, controller.signal);
    clock.advance(61_000);
    clock.advance(30_000);
    let text = '';
    for await (const chunk of body) text += Buffer.from(chunk).toString();
    assert.equal(text.match(/BOOKMARK/g)?.length, 2);
  });

  it('answers an ERROR event with 410 to a resourceVersion from before the server was started', async () => {
    const first = await startTestServer();
    await first.call('POST', path, { metadata: { name: 'a' } });
    await first.call('POST', path, { metadata: { name: 'b' } });
    const second = await startTestServer({ store: first.store });
    const [event] = await take(second, '&resourceVersion=1', 1);
    assert.equal(event?.type, 'ERROR');
    assert.equal(event?.object.code, 410);
    assert.match(JSON.stringify(event), /too old resource version: 1 \(\d+\)/);
  });
});
