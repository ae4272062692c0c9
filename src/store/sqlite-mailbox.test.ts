import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzz } from '../base/testing/fuzz.ts';
import { type Mail, Mailbox } from './sqlite-mailbox.ts';

test('what is sent is taken in order, whole, whatever it is and however long', () => {
  const message = fc.tuple(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.array(fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constant(new Uint8Array(100 << 10).fill(7))), {
      maxLength: 3,
    }),
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
      const memory = Mailbox.memory();
      const [from, to] = [new Mailbox<string>(memory), new Mailbox<string>(memory)];
      /** The other way, for what is too long. */
      const long: Mail<string>[] = [];
      for (let n = 0; n < messages.length; n += 2) {
        const pair = messages.slice(n, n + 2).map(([head, parts]) => ({ head, parts, bytes: Buffer.concat(parts) }));
        for (const { head, parts, bytes } of pair) from.send(head, parts, () => void long.push({ head, bytes }));
        for (const { head, bytes } of pair) {
          const taken = to.take(() => long.shift()!);
          assert.equal(taken?.head, head);
          assert.ok(bytes.equals(taken.bytes));
        }
        assert.equal(to.take(assert.fail), undefined);
      }
      assert.equal(long.length, 0);
    }),
    fuzz(100),
  );
});

test('what was taken stays as it was when its slot is used again', () => {
  const memory = Mailbox.memory();
  const [from, to] = [new Mailbox<number>(memory), new Mailbox<number>(memory)];
  const taken = [1, 2, 3, 4, 5].map((n) => {
    from.send(n, [Buffer.from([n, n])], assert.fail);
    return to.take(assert.fail);
  });
  assert.deepEqual(
    taken.map((mail) => [mail?.head, ...mail!.bytes]),
    [1, 2, 3, 4, 5].map((n) => [n, n, n]),
  );
});
