import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { rewritePage, rewriteUrl } from './rewrite-links.ts';

const place = { prefix: '/api/v1/pods/a/proxy', requestHost: 'api:6443', targetHost: '10.0.0.2:80' };

test('absolute paths of the proxied server get the prefix, other URLs stay', () => {
  const cases: [string, string][] = [
    ['/x?y#z', '/api/v1/pods/a/proxy/x?y#z'],
    ['/', '/api/v1/pods/a/proxy/'],
    ['x/y', 'x/y'],
    ['#top', '#top'],
    ['mailto:a@b', 'mailto:a@b'],
    ['https://example.org/x', 'https://example.org/x'],
    ['http://10.0.0.2:80/x', '/api/v1/pods/a/proxy/x'],
    ['https://api:6443/x', 'https://api:6443/api/v1/pods/a/proxy/x'],
    ['/api/v1/pods/a/proxy/x', '/api/v1/pods/a/proxy/x'],
  ];
  for (const [url, expected] of cases) assert.equal(rewriteUrl(url, place), expected, url);
});

test('links are rewritten wherever a chunk ends, also in compressed pages', async () => {
  const html = `<p class="/x">é</p><a id=1 href="/x">t</a><IMG src='/y'><link href=/z>`;
  const expected = `<p class="/x">é</p><a id=1 href="${place.prefix}/x">t</a><IMG src='${place.prefix}/y'><link href=${place.prefix}/z>`;
  for (let cut = 1; cut < html.length; cut++) {
    const bytes = Buffer.from(html);
    const page = rewritePage(Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)]), undefined, place);
    assert.equal((await buffer(page)).toString(), expected, `cut at ${cut}`);
  }
  const packed = rewritePage(Readable.from([gzipSync(html)]), 'gzip', place);
  assert.equal(gunzipSync(await buffer(packed)).toString(), expected);
});
