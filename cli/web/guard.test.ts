import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHost, checkOrigin, Guard, securityHeaders } from './guard.ts';

const hosts: [host: string | undefined, allowed: boolean][] = [
  ['127.0.0.1:8900', true],
  ['localhost:1234', true],
  ['[::1]:8900', true],
  ['evil.example:8900', false],
  ['127.0.0.1.evil.example', false],
  ['localhost.evil.example:8900', false],
  [undefined, false],
];

test('only names of this machine are served', () => {
  for (const [host, allowed] of hosts) assert.equal(checkHost(host).allow, allowed, String(host));
});

const origins: [method: string, origin: string | undefined, required: boolean, allowed: boolean][] = [
  ['GET', undefined, false, true],
  ['GET', undefined, true, false],
  ['POST', undefined, false, false],
  ['POST', 'http://127.0.0.1:8900', false, true],
  ['POST', 'http://127.0.0.1:8901', false, false],
  ['GET', 'https://evil.example', false, false],
  ['DELETE', 'null', false, false],
];

test('what changes something or opens a socket must come from this page', () => {
  for (const [method, origin, required, allowed] of origins) {
    const headers = { host: '127.0.0.1:8900', ...(origin && { origin }) };
    assert.equal(checkOrigin(method, headers, required).allow, allowed, `${method} ${origin}`);
  }
});

test('a token is good once; the cookie that it buys is good until the end', () => {
  const guard = new Guard(8900);
  const token = guard.newToken();
  const cookie = guard.exchange(token)!;
  assert.match(cookie, /^vitrine-8900=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/);
  assert.equal(guard.exchange(token), undefined);
  assert.equal(guard.exchange('x'), undefined);
  assert.equal(guard.knows({ cookie: `other=1; ${cookie.split(';')[0]}` }), true);
  assert.equal(guard.knows({ cookie: 'vitrine-8900=x' }), false);
  assert.equal(guard.knows({}), false);
});

test('the policy lets no script in but the page’s own', () => {
  const policy = securityHeaders('abc')['content-security-policy']!;
  assert.match(policy, /default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(policy, /script-src[^;]*unsafe|\*|https?:/);
});
