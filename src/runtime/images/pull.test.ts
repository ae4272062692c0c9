import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { silentLogger } from '../../base/log.ts';
import type { Linux } from '../../linux/linux.ts';
import type { Images } from '../runtime.ts';
import { openImages } from './images.ts';
import { hostArchitecture } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-writer.ts';

const digestOf = (data: Uint8Array) => `sha256:${createHash('sha256').update(data).digest('hex')}`;
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

const content = 'x'.repeat(100_000);
const tar = Buffer.concat([
  tarHeader({ name: 'file', type: 'file', mode: 0o644, size: content.length }),
  Buffer.from(content),
  tarPadding(content.length),
  tarEnd,
]);
const layer = gzipSync(tar, { level: 0 });
const config = json({
  architecture: hostArchitecture,
  os: 'linux',
  config: { Cmd: ['run'] },
  rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
});
const manifest = json({
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
  layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: digestOf(layer), size: layer.length }],
});
const index = json({
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [
    {
      mediaType: mediaTypes.ociManifest,
      digest: digestOf(json({})),
      size: 2,
      platform: { os: 'linux', architecture: 's390x' },
    },
    {
      mediaType: mediaTypes.ociManifest,
      digest: digestOf(manifest),
      size: manifest.length,
      platform: { os: 'linux', architecture: hostArchitecture },
    },
  ],
});

/** A registry that wants a token, breaks the first transfer of each layer, and lies about one tag. */
let server: http.Server;
let registry: string;
let requests: string[] = [];
let dir: string;
let images: Images;

before(async () => {
  const blobs = new Map([layer, config, manifest, index].map((data) => [digestOf(data), data]));
  server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    requests.push(`${url.pathname} ${request.headers.range ?? ''}`.trim());
    if (url.pathname === '/token') {
      const login = request.headers.authorization;
      const wrong = login !== undefined && login !== `Basic ${Buffer.from('me:secret').toString('base64')}`;
      response.writeHead(wrong ? 401 : 200).end(JSON.stringify({ token: login ? 'full' : 'anonymous' }));
      return;
    }
    const token = url.pathname.includes('/private/') ? 'full' : 'anonymous';
    if (!['Bearer full', `Bearer ${token}`].includes(request.headers.authorization ?? '')) {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry}/token",service="test"` }).end();
      return;
    }
    const [, reference = ''] = /\/(?:manifests|blobs)\/(.+)$/.exec(url.pathname) ?? [];
    const data = reference === 'latest' ? index : reference === 'plain' ? manifest : blobs.get(reference);
    if (!data || url.pathname.includes('/absent/')) {
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      return;
    }
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const type = data === index ? mediaTypes.ociIndex : mediaTypes.ociManifest;
    const body = url.pathname.includes('/wrong/') && data === layer ? Buffer.alloc(layer.length) : data.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { 'content-type': type, 'content-length': body.length });
    if (data === layer && from === 0 && url.pathname.includes('/broken/')) {
      response.write(body.subarray(0, 50_000), () => response.destroy());
    } else response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  dir = mkdtempSync(path.join(tmpdir(), 'pull-'));
  const linux = { mounts: { list: async () => [] }, sysctl: { get: () => 'this-boot' } } as unknown as Linux;
  images = await openImages({ dir, linux, log: silentLogger });
});
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(dir, { recursive: true });
});

test('a transfer that breaks goes on where it was', async () => {
  requests = [];
  const image = await images.pull(`${registry}/broken/app`);
  assert.deepEqual(image.names, [`${registry}/broken/app:latest`]);
  assert.deepEqual(image.digests, [`${registry}/broken/app@${digestOf(index)}`]);
  assert.deepEqual(image.config.Cmd, ['run']);
  assert.ok(requests.some((line) => line.includes(digestOf(layer)) && line.includes('bytes=')));
});

test('an image is found by name, digest, id and the beginning of its id; removing it removes its layers', async () => {
  const { id } = await images.pull(`${registry}/app:plain`);
  for (const name of [`${registry}/app:plain`, `${registry}/app@${digestOf(manifest)}`, id, id.slice(7, 19)]) {
    assert.equal((await images.resolve(name))?.id, id, name);
  }
  await images.tag(id, 'other/name:1');
  const file = path.join(dir, 'saved.tar');
  await images.save('other/name:1', file);
  await images.remove(id);
  assert.equal(await images.resolve('other/name:1'), undefined);
  const [loaded] = await images.load(file);
  assert.equal(loaded?.id, id);
  assert.ok(loaded?.names.includes('docker.io/other/name:1'));
  await images.remove(id);
  assert.deepEqual(await images.list(), []);
});

test('credentials are sent to the token service only when the registry asks, and a wrong one falls back to none', async () => {
  const credentials = [{ username: 'me', password: 'secret' }];
  assert.ok(await images.pull(`${registry}/private/app`, { credentials }));
  await assert.rejects(images.pull(`${registry}/private/app:other`), /pull access denied/);
  assert.ok(await images.pull(`${registry}/app`, { credentials: [{ username: 'me', password: 'wrong' }] }));
});

test('content with another digest is refused', async () => {
  await images.remove(`${registry}/app`).catch(() => {});
  for (const image of await images.list()) await images.remove(image.id);
  await assert.rejects(images.pull(`${registry}/wrong/app`), /has digest sha256:.*, expected sha256:/);
  assert.equal(await images.resolve(`${registry}/wrong/app`), undefined);
});

test('errors name the image and the reason as containerd words them', async () => {
  const name = `${registry}/absent/app:latest`;
  await assert.rejects(images.pull(name), {
    reason: 'ErrImagePull',
    message: `failed to pull and unpack image "${name}": failed to resolve reference "${name}": ${name}: not found`,
  });
  await assert.rejects(images.pull('127.0.0.1:1/x'), /dial tcp 127\.0\.0\.1:1: connect: connection refused$/);
});

test('several callers of one name share a pull', async () => {
  requests = [];
  await Promise.all([1, 2, 3].map(() => images.pull(`${registry}/shared/app`)));
  assert.equal(requests.filter((line) => line === `/v2/shared/app/blobs/${digestOf(layer)}`).length, 1);
});
