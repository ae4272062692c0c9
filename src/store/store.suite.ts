import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/cluster/fixture/until.ts';
import { CompactedError, FutureRevisionError, prefixEnd, type Store, type StoreEvent } from './store.ts';

const bytes = (text: string) => Buffer.from(text);
const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString();

/** What every store must do; `open` gives an empty one, which the suite closes. */
export function storeSuite(name: string, open: () => Promise<Store>): void {
  const each = (title: string, body: (store: Store) => Promise<void>) =>
    test(title, async () => {
      const store = await open();
      try {
        await body(store);
      } finally {
        await store.close();
      }
    });

  describe(name, () => {
    each('an empty store is past revision 0, and every write raises the revision by one', async (store) => {
      const first = await store.currentRevision();
      assert.ok(first >= 1);
      assert.deepEqual(await store.put('a', bytes('1'), 0), { ok: true, revision: first + 1 });
      assert.deepEqual(await store.put('b', bytes('2'), 0), { ok: true, revision: first + 2 });
      assert.deepEqual(await store.delete('a', first + 1), { ok: true, revision: first + 3 });
      assert.equal(await store.currentRevision(), first + 3);
    });

    each('a write succeeds only on the revision it expects, and says what is there instead', async (store) => {
      const created = await put(store, 'a', '1', 0);
      for (const wrong of [0, created + 7]) {
        const result = await store.put('a', bytes('x'), wrong);
        assert.ok(!result.ok);
        assert.deepEqual([text(result.current?.value), result.current?.modRevision], ['1', created]);
        assert.equal((await store.delete('a', wrong)).ok, false);
      }
      const updated = await put(store, 'a', '2', created);
      const found = await store.get('a');
      assert.deepEqual([text(found?.value), found?.createRevision, found?.modRevision], ['2', created, updated]);
      assert.deepEqual(await store.delete('none', 1), { ok: false, current: undefined });
      assert.deepEqual(await store.delete('none', 0), { ok: false, current: undefined });
      await remove(store, 'a', updated);
      assert.equal(await store.get('a'), undefined);
      const again = await put(store, 'a', '3', 0);
      assert.equal((await store.get('a'))?.createRevision, again);
    });

    each('a range is ordered, half open, limited, and can be read as it was', async (store) => {
      for (const key of ['p/b', 'p/a', 'q', 'p/c', 'p']) await put(store, key, key, 0);
      const before = await store.currentRevision();
      const b = await store.get('p/b');
      await remove(store, 'p/b', b!.modRevision);
      await put(store, 'p/d', 'p/d', 0);
      const keys = async (options?: { revision?: number; limit?: number }) => {
        const { items, more, count } = await store.range('p/', prefixEnd('p/'), options);
        return [items.map((item) => item.key).join(), items.map((item) => text(item.value)).join(), more, count];
      };
      assert.deepEqual(await keys(), ['p/a,p/c,p/d', 'p/a,p/c,p/d', false, 3]);
      assert.deepEqual(await keys({ limit: 2 }), ['p/a,p/c', 'p/a,p/c', true, 3]);
      assert.deepEqual(await keys({ limit: 3 }), ['p/a,p/c,p/d', 'p/a,p/c,p/d', false, 3]);
      assert.deepEqual(await keys({ revision: before }), ['p/a,p/b,p/c', 'p/a,p/b,p/c', false, 3]);
      assert.equal((await store.range('p/', 'p0', { revision: before })).revision, before);
      await assert.rejects(store.range('a', 'b', { revision: before + 100 }), FutureRevisionError);
    });

    each(
      'a watch replays what was missed and goes on, without gap or duplicate, with previous values',
      async (store) => {
        let revision = await put(store, 'w/a', '0', 0);
        const start = revision;
        await put(store, 'other', 'x', 0);
        for (let n = 1; n <= 300; n++) revision = await put(store, 'w/a', `${n}`, revision);
        const events: StoreEvent[] = [];
        const stop = store.watch('w/', prefixEnd('w/'), start, { onEvents: (batch) => events.push(...batch), onError });
        for (let n = 301; n <= 600; n++) revision = await put(store, 'w/a', `${n}`, revision);
        const last = await remove(store, 'w/a', revision);
        await until('the last event', () => events.at(-1)?.revision === last);
        assert.equal(events.length, 601);
        events.slice(0, 600).forEach((event, index) => {
          assert.deepEqual(
            [event.type, text(event.value), text(event.previous?.value), event.createRevision],
            ['put', `${index + 1}`, `${index}`, start],
          );
          assert.ok(index === 0 || event.revision > events[index - 1]!.revision);
        });
        const { type, value, previous } = events[600]!;
        assert.deepEqual([type, value, previous?.modRevision], ['delete', undefined, revision]);
        stop();
        await put(store, 'w/b', 'after', 0);
        await sleep(20);
        assert.equal(events.length, 601);
      },
    );

    each('watches that start in the midst of many writers see each change once, in order', async (store) => {
      const writer = async (id: number) => {
        for (let n = 0; n < 40; n++) await put(store, `k/${id}/${n}`, 'v', 0);
      };
      const first = await store.currentRevision();
      const seen: number[][] = [];
      const watch = async () => {
        const after = await store.currentRevision();
        const revisions: number[] = [after];
        seen.push(revisions);
        store.watch('k/', 'k0', after, {
          onEvents: (events) => revisions.push(...events.map((event) => event.revision)),
          onError,
        });
        const fromStart: number[] = [first];
        seen.push(fromStart);
        store.watch('k/', 'k0', first, {
          onEvents: (events) => fromStart.push(...events.map((event) => event.revision)),
          onError,
        });
      };
      const writers = Array.from({ length: 16 }, (_, id) => writer(id));
      for (let n = 0; n < 10; n++) {
        await watch();
        await sleep(1);
      }
      await Promise.all(writers);
      const last = first + 640;
      await until('the last event everywhere', () => seen.every((revisions) => revisions.at(-1) === last));
      for (const revisions of seen) {
        assert.deepEqual(
          revisions,
          Array.from({ length: last - revisions[0]! + 1 }, (_, n) => revisions[0]! + n),
        );
      }
    });

    each('of many writers with the same expectation exactly one wins', async (store) => {
      const results = await Promise.all(Array.from({ length: 32 }, (_, n) => store.put('race', bytes(`${n}`), 0)));
      assert.equal(results.filter((result) => result.ok).length, 1);
      const winner = results.findIndex((result) => result.ok);
      assert.equal(text((await store.get('race'))?.value), `${winner}`);
    });

    each(
      'a guarded write is refused once anything in its range was written, not when something went',
      async (store) => {
        const a = await put(store, 's/a', '1', 0);
        const guard = { start: 's/', end: 's0', revision: a };
        await put(store, 'other', 'x', 0);
        const b = await store.put('s/b', bytes('1'), 0, { guard });
        assert.ok(b.ok);
        assert.deepEqual(await store.put('s/c', bytes('1'), 0, { guard }), { ok: false, current: undefined });
        const refused = await store.put('s/a', bytes('2'), a, { guard });
        assert.ok(!refused.ok && refused.current?.modRevision === a);
        await remove(store, 's/b', b.revision);
        assert.ok((await store.put('s/c', bytes('1'), 0, { guard })).ok);
      },
    );

    each('compaction forgets older revisions and keeps the rest readable', async (store) => {
      const a1 = await put(store, 'a', '1', 0);
      const b1 = await put(store, 'b', '1', 0);
      const a2 = await put(store, 'a', '2', a1);
      const gone = await remove(store, 'b', b1);
      const a3 = await put(store, 'a', '3', a2);
      await store.compact(gone);
      await store.compact(a1);
      await assert.rejects(store.range('a', 'z', { revision: a2 }), CompactedError);
      const then = await store.range('a', 'z', { revision: gone });
      assert.deepEqual(
        then.items.map((item) => [item.key, text(item.value)]),
        [['a', '2']],
      );
      const errors: Error[] = [];
      store.watch('a', 'z', a2, { onEvents: () => assert.fail('no events'), onError: (error) => errors.push(error) });
      const events: StoreEvent[] = [];
      store.watch('a', 'z', gone, { onEvents: (batch) => events.push(...batch), onError });
      await until('an error and an event', () => errors.length === 1 && events.length === 1);
      assert.ok(errors[0] instanceof CompactedError);
      assert.deepEqual([events[0]?.revision, text(events[0]?.previous?.value)], [a3, '2']);
      await store.compact(a3);
      assert.equal(text((await store.get('a'))?.value), '3');
      assert.equal(await store.currentRevision(), a3);
      await assert.rejects(store.compact(a3 + 1), FutureRevisionError);
    });

    each('a key with a time to live is deleted when it ends, unless it was written again', async (store) => {
      const events: StoreEvent[] = [];
      store.watch('t/', 't0', await store.currentRevision(), { onEvents: (batch) => events.push(...batch), onError });
      await store.put('t/short', bytes('1'), 0, { ttlSeconds: 2 });
      const kept = await store.put('t/kept', bytes('1'), 0, { ttlSeconds: 2 });
      await put(store, 't/kept', '2', kept.ok ? kept.revision : 0);
      await until('a deletion', () => events.some((event) => event.type === 'delete'));
      await sleep(150);
      const deletes = events.filter((event) => event.type === 'delete');
      assert.deepEqual(
        deletes.map((event) => [event.key, text(event.previous?.value)]),
        [['t/short', '1']],
      );
      assert.equal(await store.get('t/short'), undefined);
      assert.equal(text((await store.get('t/kept'))?.value), '2');
    });

    each('values are bytes of any length, and the caller may reuse its buffer', async (store) => {
      const buffer = Buffer.alloc(1_400_000, 7);
      const writing = store.put('big', buffer, 0);
      await writing;
      buffer.fill(0);
      const found = (await store.get('big'))!.value;
      assert.equal(found.length, 1_400_000);
      assert.ok(found.every((byte) => byte === 7));
      await store.put('empty', new Uint8Array(), 0);
      assert.equal((await store.get('empty'))?.value.length, 0);
    });
  });
}

async function put(store: Store, key: string, value: string, expected: number): Promise<number> {
  const result = await store.put(key, bytes(value), expected);
  assert.ok(result.ok, `put ${key} on ${expected}`);
  return result.revision;
}

async function remove(store: Store, key: string, expected: number): Promise<number> {
  const result = await store.delete(key, expected);
  assert.ok(result.ok, `delete ${key} on ${expected}`);
  return result.revision;
}

function onError(error: Error): never {
  throw error;
}
