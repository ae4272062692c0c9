import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DbusMessage, type DbusValue, decodeMessage, encodeMessage, splitSignature } from './dbus-message.ts';

test('signatures are split into complete types', () => {
  assert.deepEqual(splitSignature('sa{sv}(uo)aay'), ['s', 'a{sv}', '(uo)', 'aay']);
  assert.throws(() => splitSignature('a'), /ends too early/);
});

test('messages are what they were when they come out again', () => {
  const rows: [string, DbusValue[]][] = [
    ['', []],
    ['ssss', ['shutdown', 'kubelet', 'häl', 'delay']],
    ['ybnqiu', [255, true, 65_535, 3, -5, 4_000_000_000]],
    ['vt', [{ signature: 't', value: 5_000_000n }, 1n]],
    ['a{sv}as', [[['k', { signature: 'b', value: true }]], ['a', 'bc', '']]],
    ['(us)a(yv)', [[7, 'x'], [[1, { signature: 's', value: 'y' }]]]],
    ['s', ['x'.repeat(5000)]],
  ];
  for (const [signature, body] of rows) {
    const message: DbusMessage = {
      ...{ type: 'call', serial: 9, path: '/a/b', interface: 'a.b', member: 'Do', destination: ':1.2' },
      ...(signature && { signature }),
      body,
    };
    const bytes = encodeMessage(message);
    const more = Buffer.concat([bytes, Buffer.from([0x6c])]);
    const decoded = decodeMessage(more);
    assert.equal(decoded?.length, bytes.length);
    assert.deepEqual(decoded.message, message);
    assert.equal(decodeMessage(bytes.subarray(0, bytes.length - 1)), undefined);
  }
});

test('a call begins as the specification says: little-endian, call, no flags, version 1, lengths and serial', () => {
  const hello = encodeMessage({
    ...{ type: 'call', serial: 1, path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' },
    ...{ member: 'Hello', destination: 'org.freedesktop.DBus' },
  });
  assert.equal(hello.subarray(0, 16).toString('hex'), '6c01000100000000010000006d000000');
  assert.equal(hello.length, 128);
});
