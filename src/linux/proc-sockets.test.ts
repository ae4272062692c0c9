import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInetSockets, parseUnixSockets } from './proc-sockets.ts';

test('TCP sockets: addresses, ports and states', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000005 00:00000000 00000000  1000        0 4242 1
   1: 0500430A:0050 0600430A:C000 01 00000000:00000000 00:00000000 00000000     0        0 77 1`;
  const [listening, connected] = parseInetSockets(text, 'tcp');
  assert.deepEqual(
    [
      listening?.localAddress,
      listening?.localPort,
      listening?.state,
      listening?.queued,
      listening?.uid,
      listening?.inode,
    ],
    ['127.0.0.1', 8080, 'LISTEN', 5, 1000, 4242],
  );
  assert.deepEqual(
    [connected?.localAddress, connected?.remoteAddress, connected?.remotePort, connected?.state],
    ['10.67.0.5', '10.67.0.6', 49152, 'ESTAB'],
  );
});

test('IPv6 addresses are shortened, mapped IPv4 ones shown as IPv4', () => {
  const line = (address: string) =>
    `head\n 0: ${address}:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 9 1`;
  const shown = (address: string) => parseInetSockets(line(address), 'tcp')[0]?.localAddress;
  assert.equal(shown('00000000000000000000000000000000'), '::');
  assert.equal(shown('00000000000000000000000001000000'), '::1');
  assert.equal(shown('000080FE00000000FF005450B6AD1DFE'), 'fe80::5054:ff:fe1d:adb6');
  assert.equal(shown('0000000000000000FFFF00000100007F'), '127.0.0.1');
});

test('UNIX sockets: paths with blanks, abstract and unnamed ones', () => {
  const text = `Num       RefCount Protocol Flags    Type St Inode Path
ffff8881: 00000002 00000000 00010000 0001 01 20001 /run/a b.sock
ffff8882: 00000003 00000000 00000000 0001 03 20002 @abstract
ffff8883: 00000003 00000000 00000000 0001 03 20003`;
  assert.deepEqual(
    parseUnixSockets(text).map(({ state, inode, path }) => [state, inode, path]),
    [
      ['LISTEN', 20001, '/run/a b.sock'],
      ['ESTAB', 20002, '@abstract'],
      ['ESTAB', 20003, undefined],
    ],
  );
});
