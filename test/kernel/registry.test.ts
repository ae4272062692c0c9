import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Pod } from '../../src/api/generated/core-v1.ts';
import type { Linux } from '../../src/linux/linux.ts';
import { openLinux } from '../../src/linux/open.ts';
import { openImages } from '../../src/runtime/images/images.ts';
import type { ImageInfo, Images } from '../../src/runtime/runtime.ts';
import { hasRegistry, login, type RegistryServer, startRegistry } from './registry-server.ts';
import { log } from './runtime-fixture.ts';
import { writeTinyImage } from './tiny-image.ts';

/** Pulls from the reference registry: what a fake of our own may take that a real one does not. */
const options = { skip: hasRegistry ? false : 'docker-registry is not installed' };

let dir: string;
let linux: Linux;
let open: RegistryServer;
let closed: RegistryServer;
/** The image that was pushed, in a store of its own. */
let pushed: ImageInfo;
let manifestDigest: string;

before(async () => {
  if (!hasRegistry) return;
  dir = mkdtempSync('/run/vitrine-registry-');
  [linux, open, closed] = await Promise.all([openLinux({ log }), startRegistry(), startRegistry({ auth: true })]);
  const layout = path.join(dir, 'source');
  const source = await openImages({ dir: layout, linux, log });
  await writeTinyImage(path.join(dir, 'tiny.tar'));
  pushed = (await source.load(path.join(dir, 'tiny.tar')))[0] as ImageInfo;
  manifestDigest = JSON.parse(readFileSync(path.join(layout, 'index.json'), 'utf8')).manifests[0].digest;
  await open.push(layout, manifestDigest, 'team/tiny', 'v1');
  await closed.push(layout, manifestDigest, 'team/tiny', 'v1');
});

after(async () => {
  await open?.stop();
  await closed?.stop();
  await linux?.close();
  if (dir) rmSync(dir, { recursive: true });
});

let stores = 0;
/** An image store with nothing in it. */
const emptyStore = (): Promise<Images> => openImages({ dir: path.join(dir, `store-${++stores}`), linux, log });

test('an image comes by tag and by digest, whole and under its own id', options, async () => {
  const images = await emptyStore();
  const seen: number[] = [];
  const byTag = await images.pull(`${open.address}/team/tiny:v1`, {
    onProgress: ({ doneBytes }) => seen.push(doneBytes),
  });
  assert.equal(byTag.id, pushed.id);
  assert.deepEqual(byTag.names, [`${open.address}/team/tiny:v1`]);
  assert.deepEqual(byTag.digests, [`${open.address}/team/tiny@${manifestDigest}`]);
  assert.ok(existsSync(path.join(byTag.layers[0] as string, 'usr/bin/sh')));
  assert.ok(seen.length > 0);
  const byDigest = await (await emptyStore()).pull(`${open.address}/team/tiny@${manifestDigest}`);
  assert.equal(byDigest.id, pushed.id);
});

test('what the registry has not is said in the words of containerd', options, async () => {
  const images = await emptyStore();
  for (const name of ['team/tiny:v2', 'team/absent:v1']) {
    const full = `${open.address}/${name}`;
    await assert.rejects(images.pull(full), {
      reason: 'ErrImagePull',
      message: `failed to pull and unpack image "${full}": failed to resolve reference "${full}": ${full}: not found`,
    });
  }
});

test('basic authentication: with the right password only', options, async () => {
  const images = await emptyStore();
  const name = `${closed.address}/team/tiny:v1`;
  await assert.rejects(images.pull(name), /pull access denied, .* authorization failed/);
  const wrong = [{ ...login, password: 'guess' }];
  await assert.rejects(images.pull(name, { credentials: wrong }), /pull access denied, .* authorization failed/);
  assert.equal((await images.list()).length, 0);
  assert.equal((await images.pull(name, { credentials: [...wrong, login] })).id, pushed.id);
});

test('a blob that the registry has spoilt is refused, and nothing of it stays', options, async () => {
  const { layers } = JSON.parse(readFileSync(open.blobFile(manifestDigest), 'utf8'));
  const file = open.blobFile(layers[0].digest);
  const good = readFileSync(file);
  const bad = Buffer.from(good);
  bad[1000] = (bad[1000] as number) ^ 1;
  writeFileSync(file, bad);
  try {
    const images = await emptyStore();
    const wanted = new RegExp(
      `failed to copy: ${layers[0].digest}: .*has digest sha256:.*, expected ${layers[0].digest}`,
    );
    await assert.rejects(images.pull(`${open.address}/team/tiny:v1`), wanted);
    assert.equal(await images.resolve(`${open.address}/team/tiny:v1`), undefined);
    assert.deepEqual(await images.list(), []);
    assert.ok(!existsSync(path.join(dir, `store-${stores}`, 'blobs/sha256', layers[0].digest.slice(7))));
  } finally {
    writeFileSync(file, good);
  }
});

test('the kubelet pulls with the secret of the Pod', options, async () => {
  const { ImageManager } = await import('../../src/kubelet/images/image-manager.ts');
  const { PullRecords } = await import('../../src/kubelet/images/pull-records.ts');
  const { systemClock } = await import('../../src/base/clock.ts');
  const said: string[] = [];
  const dockerConfig = { auths: { [closed.address]: login } };
  const manager = new ImageManager({
    images: await emptyStore(),
    records: new PullRecords(path.join(dir, 'records'), { policy: 'NeverVerifyPreloadedImages', allowlist: [] }),
    clock: systemClock,
    events: { event: (_object: unknown, _type: string, reason: string) => said.push(reason) } as never,
    secret: async (_uid, namespace, name) => {
      if (name !== 'pull') throw new Error(`secrets "${name}" not found`);
      return {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace, uid: 's', resourceVersion: '', creationTimestamp: '' },
        type: 'kubernetes.io/dockerconfigjson',
        data: { '.dockerconfigjson': Buffer.from(JSON.stringify(dockerConfig)).toString('base64') },
      };
    },
  });
  const container = { name: 'main', image: `${closed.address}/team/tiny:v1` };
  const pod = (secrets: string[]): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', uid: `p${secrets}`, resourceVersion: '', creationTimestamp: '' },
    spec: { containers: [container], imagePullSecrets: secrets.map((name) => ({ name })) },
  });
  const signal = new AbortController().signal;
  await assert.rejects(manager.ensure(pod([]), container, signal), { reason: 'ErrImagePull' });
  await assert.rejects(manager.ensure(pod([]), container, signal), { reason: 'ImagePullBackOff' });
  assert.equal((await manager.ensure(pod(['pull']), container, signal)).id, pushed.id);
  assert.deepEqual(said, ['Pulling', 'Failed', 'BackOff', 'Pulling', 'Pulled']);
  // It is there now, but only for who shows the secret (KEP-2535).
  const other = pod([]);
  other.metadata.uid = 'other';
  await assert.rejects(manager.ensure(other, container, signal), { reason: 'ErrImagePull' });
  assert.equal((await manager.ensure(pod(['pull']), container, signal)).id, pushed.id);
  assert.equal(said.at(-1), 'Pulled');
  assert.equal(said.filter((reason) => reason === 'Pulling').length, 3, 'not asked for again');
});
