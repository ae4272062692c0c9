import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isProxyable } from './proxy.ts';

describe('a proxy leads to', () => {
  for (const address of ['10.0.0.1', '192.168.1.5', '8.8.8.8', '2001:db8::1'])
    it(address, () => assert.ok(isProxyable(address)));
  for (const address of [
    '127.0.0.1',
    '127.9.9.9',
    '169.254.169.254',
    '::1',
    'fe80::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
    'localhost',
    '',
  ])
    it(`not to ${JSON.stringify(address)}`, () => assert.ok(!isProxyable(address)));
});
