import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '../../base/log.ts';
import { selfSigned } from '../../kubelet/testing/self-signed.ts';
import type { Linux } from '../../linux/linux.ts';
import type { Images } from '../runtime.ts';
import { openImages } from './images.ts';
import { choosePlatform } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import type { RegistryConfig } from './registry-config.ts';
import { SmallRegistry } from './testing/small-registry.ts';

/** Whatever a registry may do, or be configured to be. */
const servers: SmallRegistry[] = [];
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'registries-'));
});
afterEach(() => rmSync(dir, { recursive: true }));
after(() => {
  for (const server of servers) server.close();
});

async function registry(tls?: { key: string; cert: string }): Promise<SmallRegistry> {
  const server = await new SmallRegistry(tls).listen();
  servers.push(server);
  return server;
}

function store(registryConfig: RegistryConfig = {}, boot = '600db007-1111'): Promise<Images> {
  const linux = { mounts: { list: async () => [] }, sysctl: { get: () => boot } } as unknown as Linux;
  return openImages({
    dir: path.join(dir, 'store'),
    linux,
    log: silentLogger,
    registryConfig,
    localStores: { docker: path.join(dir, 'docker'), containers: path.join(dir, 'containers') },
  });
}

const file = (name: string, data: string) => ({ name, data });
const read = (image: { layers: string[] }, name: string) =>
  readFileSync(path.join(image.layers[0] as string, name), 'utf8');

test('a tag that moved is pulled again, and of the new image only the layers that are new', async () => {
  const server = await registry();
  const base = [file('base', 'the same')];
  server.image('app:v1', [base, [file('app', 'one')]]);
  const images = await store();
  const first = await images.pull(`${server.address}/app:v1`);
  assert.equal(read(first, 'app'), 'one');
  server.requests.length = 0;
  assert.equal((await images.pull(`${server.address}/app:v1`)).id, first.id);
  assert.deepEqual(server.requests, ['HEAD /v2/app/manifests/v1'], 'a tag that did not move costs one question');
  server.image('app:v1', [base, [file('app', 'two')]]);
  server.requests.length = 0;
  const second = await images.pull(`${server.address}/app:v1`);
  assert.equal(read(second, 'app'), 'two');
  assert.equal(server.requests.filter((line) => line.includes('/blobs/')).length, 2, 'config and one layer');
  assert.equal((await images.resolve(`${server.address}/app:v1`))?.id, second.id);
});

test('a registry that answers no HEAD is asked with GET', async () => {
  const server = await registry();
  server.image('app:v1', [[file('app', 'one')]]);
  server.intercept = (request, response) => {
    if (request.method === 'HEAD') response.writeHead(405).end();
    return request.method === 'HEAD';
  };
  assert.equal(read(await (await store()).pull(`${server.address}/app:v1`), 'app'), 'one');
});

test("containerd's hosts.toml leads to mirrors, which get neither the Secret of the registry nor tags they do not resolve", async () => {
  const [blobsOnly, mirror, own] = [await registry(), await registry(), await registry()];
  mirror.image('app:v1', [[file('app', 'mirrored')]]);
  const folder = path.join(dir, 'certs.d', 'registry.invalid');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, 'hosts.toml'),
    `server = "http://${own.address}"
[host."http://${blobsOnly.address}"]
  capabilities = ["pull"]
[host."http://${mirror.address}"]
  [host."http://${mirror.address}".header]
    x-token = "for-the-mirror"
`,
  );
  const images = await store({ hostsDirectories: [path.join(dir, 'certs.d')] });
  const credentials = [{ username: 'me', password: 'secret' }];
  const seen: (string | string[] | undefined)[] = [];
  mirror.intercept = (request) => seen.push(request.headers['x-token']) === 0;
  assert.equal(read(await images.pull('registry.invalid/app:v1', { credentials }), 'app'), 'mirrored');
  assert.deepEqual([blobsOnly.requests.length, own.requests.length], [0, 0]);
  assert.deepEqual([...new Set(seen)], ['for-the-mirror']);

  own.image('app:v2', [[file('app', 'its own')]]);
  const told: (string | undefined)[] = [];
  mirror.intercept = (request, response) => {
    told.push(request.headers.authorization);
    response.writeHead(401, { 'www-authenticate': 'Basic realm="mirror"' }).end();
    return true;
  };
  assert.equal(read(await images.pull('registry.invalid/app:v2', { credentials }), 'app'), 'its own');
  assert.deepEqual([...new Set(told)], [undefined]);
});

test('mirrors are asked in their order, and the registry itself when none has the image', async () => {
  const [down, mirror, own] = [await registry(), await registry(), await registry()];
  down.intercept = (_request, response) => {
    response.writeHead(500).end();
    return true;
  };
  mirror.image('team/app:v1', [[file('from', 'the mirror')]]);
  own.image('team/app:v1', [[file('from', 'the registry')]]);
  own.image('team/other:v1', [[file('from', 'the registry')]]);
  const mirrors = [down, mirror].map(({ address }) => `http://${address}`);
  const images = await store({ registries: { [own.address]: { mirrors } } });
  assert.equal(read(await images.pull(`${own.address}/team/app:v1`), 'from'), 'the mirror');
  assert.deepEqual(own.requests, []);
  assert.equal(read(await images.pull(`${own.address}/team/other:v1`), 'from'), 'the registry');
});

test('a certificate is verified with the configured authority, also that of a mirror', async () => {
  const server = await registry(selfSigned);
  server.image('app:v1', [[file('app', 'one')]]);
  const ca = path.join(dir, 'ca.pem');
  writeFileSync(ca, selfSigned.cert);
  const trusting = await store({ registries: { [server.address]: { ca } } });
  assert.equal(read(await trusting.pull(`${server.address}/app:v1`), 'app'), 'one');
  await trusting.remove(`${server.address}/app:v1`);
  const mirrors = [`https://${server.address}`];
  const mirrored = { 'example.invalid': { mirrors }, [server.address]: { ca } };
  const images = await store({ registries: mirrored });
  assert.equal(read(await images.pull('example.invalid/app:v1'), 'app'), 'one');
  const distrusting = await store({ registries: { 'example.invalid': { mirrors: [`https://${server.address}`] } } });
  await assert.rejects(distrusting.pull('example.invalid/app:v2'), /example\.invalid/);
});

test('a registry on loopback may speak TLS with a certificate of its own, or plain HTTP', async () => {
  for (const server of [await registry(selfSigned), await registry()]) {
    server.image('app:v1', [[file('app', 'one')]]);
    const images = await store();
    assert.equal(read(await images.pull(`${server.address}/app:v1`), 'app'), 'one');
    const insecure = await store({ registries: { [server.address]: { insecure: true } } });
    await insecure.remove(`${server.address}/app:v1`);
    assert.equal(read(await insecure.pull(`${server.address}/app:v1`), 'app'), 'one');
  }
});

test('the entry of an index that fits the machine: its variant first, attestations never', () => {
  const entry = (digest: string, architecture: string, variant?: string) => ({
    mediaType: mediaTypes.ociManifest,
    digest,
    size: 1,
    platform: { os: architecture === 'unknown' ? 'unknown' : 'linux', architecture, ...(variant && { variant }) },
  });
  const index = (...manifests: ReturnType<typeof entry>[]) => ({ schemaVersion: 2, manifests });
  const arm = index(entry('a', 'arm64'), entry('b', 'arm64', 'v8'), entry('c', 'amd64', 'v3'), entry('d', 'amd64'));
  assert.equal(choosePlatform(arm, 'arm64')?.digest, 'b');
  assert.equal(choosePlatform(arm, 'amd64')?.digest, 'd');
  assert.equal(choosePlatform(index(entry('c', 'amd64', 'v2')), 'amd64')?.digest, 'c');
  assert.equal(choosePlatform(index(entry('x', 'unknown')), 'amd64'), undefined);
});

test('what is no image is refused in so many words', async () => {
  const server = await registry();
  const chart = server.putJson({ name: 'chart' }, 'application/vnd.cncf.helm.config.v1+json');
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: chart, layers: [] };
  server.tags.set('chart:v1', server.putJson(manifest, mediaTypes.ociManifest).digest);
  await assert.rejects(
    (await store()).pull(`${server.address}/chart:v1`),
    /it is no container image: its config is of type "application\/vnd\.cncf\.helm/,
  );
});

test('a registry that says it is unavailable is told apart', async () => {
  const server = await registry();
  server.intercept = (_request, response) => {
    response.writeHead(503).end();
    return true;
  };
  await assert.rejects((await store()).pull(`${server.address}/app:v1`), { reason: 'RegistryUnavailable' });
});

test('more bytes than the descriptor says, other bytes, or fewer: refused, and nothing of them stays', async () => {
  const lies: [what: string, lie: (data: Buffer) => Buffer, message: RegExp][] = [
    ['more', (data) => Buffer.concat([data, Buffer.alloc(10)]), /blob is larger than the \d+ bytes of its descriptor/],
    ['other', (data) => Buffer.alloc(data.length), /content has digest sha256:.*, expected sha256:/],
    ['fewer', (data) => data.subarray(0, 5), /connection closed after \d+ of \d+ bytes/],
  ];
  for (const [what, lie, message] of lies) {
    const server = await registry();
    server.image('app:v1', [[file('app', 'x'.repeat(5000))]]);
    server.intercept = (request, response) => {
      const digest = /blobs\/(sha256:.*)$/.exec(request.url ?? '')?.[1] ?? '';
      const found = server.content.get(digest);
      if (found?.mediaType !== mediaTypes.ociLayerGzip) return false;
      if (request.headers.range) response.writeHead(416).end();
      else response.writeHead(200).end(lie(found.data));
      return true;
    };
    const images = await store();
    await assert.rejects(images.pull(`${server.address}/app:v1`), what === 'fewer' ? /416|connection closed/ : message);
    assert.deepEqual(await images.list(), []);
    assert.deepEqual(readdirSync(path.join(dir, 'store/layers')), []);
    assert.ok(readdirSync(path.join(dir, 'store/blobs/sha256')).every((name) => /^[0-9a-f]{64}$/.test(name)));
  }
});

test('an archive that leaves its root is refused, and the layers before it can stay', async () => {
  const server = await registry();
  server.image('evil:v1', [[file('good', 'x')], [file('../../escaped', 'x')]]);
  const images = await store();
  await assert.rejects(images.pull(`${server.address}/evil:v1`), /failed to extract layer .*leaves the root/);
  assert.ok(!existsSync(path.join(dir, 'escaped')) && !existsSync(path.join(dir, 'store/escaped')));
  assert.ok(readdirSync(path.join(dir, 'store/layers')).every((name) => /^[0-9a-f]{64}$/.test(name)));
  const { freedBytes } = await images.prune();
  assert.ok(freedBytes >= 0);
  assert.deepEqual(readdirSync(path.join(dir, 'store/layers')), []);
  assert.deepEqual(readdirSync(path.join(dir, 'store/blobs/sha256')), []);
});

test('prune removes what has no tag, and with all what no container uses', async () => {
  const server = await registry();
  server.image('app:v1', [[file('app', 'one')]]);
  const images = await store();
  const first = await images.pull(`${server.address}/app:v1`);
  server.image('app:v1', [[file('app', 'two')]]);
  const second = await images.pull(`${server.address}/app:v1`);
  assert.deepEqual((await images.prune()).removed, [...first.digests]);
  assert.deepEqual(
    (await images.list()).map(({ id }) => id),
    [second.id],
  );
  assert.deepEqual((await images.prune({ all: true })).removed.length, 2);
  assert.deepEqual(await images.list(), []);
});

test('after another boot, what was not yet on disk is not trusted, and is made anew', async () => {
  const server = await registry();
  server.image('app:v1', [[file('app', 'one')]]);
  const images = await store();
  const image = await images.pull(`${server.address}/app:v1`);
  const layer = image.layers[0] as string;
  // The power went before the disk was reached: a mark is left.
  writeFileSync(path.join(dir, 'store/unsynced', `0badb007-layer-${path.basename(layer)}-00000000`), '');
  const again = await store();
  assert.ok(!existsSync(layer));
  assert.equal(read((await again.resolve(image.id)) as { layers: string[] }, 'app'), 'one');
  assert.deepEqual(
    readdirSync(path.join(dir, 'store/unsynced')).filter((name) => name.startsWith('0badb007')),
    [],
  );
});
