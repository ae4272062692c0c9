import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { silentLogger } from '../../base/log.ts';
import type { Linux } from '../../linux/linux.ts';
import type { Images } from '../runtime.ts';
import { openImages } from './images.ts';
import { chainIds } from './tar-split.ts';
import { tarEnd } from './tar-writer.ts';
import { digestOf, type Member, tarOf } from './testing/small-registry.ts';

/** Stores as docker 20.10 and skopeo 1.9 (containers-storage) left them, made by hand. */
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'adopt-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function store(): Promise<Images> {
  const linux = { mounts: { list: async () => [] }, sysctl: { get: () => '600db007-1111' } } as unknown as Linux;
  const localStores = { docker: path.join(dir, 'docker'), containers: path.join(dir, 'containers') };
  return openImages({ dir: path.join(dir, 'store'), linux, log: silentLogger, localStores });
}

function write(file: string, data: string | Buffer): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, data);
}

const json = (file: string, value: unknown) => write(file, JSON.stringify(value));

/** What tar-split keeps of an archive, while the contents go to the layer's directory. */
function split(members: Member[], directory: string): Buffer {
  const lines: unknown[] = [];
  for (const member of members) {
    const { data = '', name } = member;
    const whole = tarOf([member]).subarray(0, -tarEnd.length);
    const padding = whole.length - 512 - data.length;
    lines.push({ type: 2, payload: whole.subarray(0, 512).toString('base64') });
    lines.push({ type: 1, name, size: data.length, payload: 'AAAAAAAAAAA=' });
    if (padding > 0) lines.push({ type: 2, payload: whole.subarray(512 + data.length).toString('base64') });
    if (data) write(path.join(directory, name), data);
  }
  lines.push({ type: 2, payload: tarEnd.toString('base64') });
  return gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

const configOf = (layers: Member[][]) =>
  JSON.stringify({
    architecture: process.arch,
    os: 'linux',
    config: { Cmd: ['run'] },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(tarOf(layer))) },
  });

function inDocker(names: string[], layers: Member[][]): string {
  const root = path.join(dir, 'docker');
  const config = configOf(layers);
  const id = digestOf(Buffer.from(config));
  write(path.join(root, 'image/overlay2/imagedb/content', id.replace(':', '/')), config);
  for (const [index, chain] of chainIds(JSON.parse(config).rootfs.diff_ids).entries()) {
    const layer = path.join(root, 'image/overlay2/layerdb', chain.replace(':', '/'));
    write(path.join(layer, 'cache-id'), `cache-${index}`);
    const files = path.join(root, 'overlay2', `cache-${index}`, 'diff');
    write(path.join(layer, 'tar-split.json.gz'), split(layers[index] as Member[], files));
  }
  json(path.join(root, 'image/overlay2/repositories.json'), {
    Repositories: { any: Object.fromEntries(names.map((name) => [name, id])) },
  });
  return id;
}

function inContainersStorage(names: string[], layers: Member[][]): string {
  const root = path.join(dir, 'containers');
  const config = configOf(layers);
  const id = digestOf(Buffer.from(config));
  const hex = id.slice('sha256:'.length);
  for (const [index, layer] of layers.entries()) {
    write(
      path.join(root, `overlay-layers/l${index}.tar-split.gz`),
      split(layer, path.join(root, `overlay/l${index}/diff`)),
    );
  }
  json(
    path.join(root, 'overlay-layers/layers.json'),
    layers.map((_, index) => ({ id: `l${index}`, ...(index > 0 && { parent: `l${index - 1}` }) })),
  );
  const top = `l${layers.length - 1}`;
  json(path.join(root, 'overlay-images/images.json'), [
    { id: hex, digest: digestOf(Buffer.from('m')), names, layer: top },
  ]);
  write(path.join(root, 'overlay-images', hex, `=${Buffer.from(id).toString('base64')}`), config);
  return id;
}

const layers = (text: string): Member[][] => [[{ name: 'base', data: 'below' }], [{ name: 'app', data: text }]];
const read = (image: { layers: string[] } | undefined) =>
  readFileSync(path.join(image?.layers[0] as string, 'app'), 'utf8');

test('what docker has built is taken as it is, and again when it was built anew', async () => {
  const images = await store();
  assert.equal(await images.adopt('app:dev'), undefined);
  const id = inDocker(['app:dev'], layers('one'));
  const image = await images.adopt('app:dev', { builtHereOnly: true });
  assert.equal(image?.id, id);
  assert.deepEqual(image?.names, ['docker.io/library/app:dev']);
  assert.deepEqual(image?.digests, []);
  assert.equal(read(image), 'one');
  assert.equal(await images.adopt('app:dev'), undefined, 'it is there already');
  const next = inDocker(['app:dev'], layers('two'));
  assert.equal((await images.adopt('app:dev'))?.id, next);
  assert.equal(read(await images.resolve('app:dev')), 'two');
});

test('what docker has pulled keeps its digest, and is no substitute for asking the registry', async () => {
  const digest = digestOf(Buffer.from('manifest'));
  inDocker(['quay.io/team/app:v1', `quay.io/team/app@${digest}`], layers('one'));
  const images = await store();
  assert.equal(await images.adopt('quay.io/team/app:v1', { builtHereOnly: true }), undefined);
  const image = await images.adopt('quay.io/team/app:v1');
  assert.deepEqual(image?.digests, [`quay.io/team/app@${digest}`]);
});

test('what podman has built is found under its short name', async () => {
  const id = inContainersStorage(['localhost/app:latest'], layers('one'));
  const image = await (await store()).adopt('app', { builtHereOnly: true });
  assert.equal(image?.id, id);
  assert.deepEqual(image?.names, ['docker.io/library/app:latest']);
  assert.equal(read(image), 'one');
});

test('a layer whose files have changed is refused, and nothing of it stays', async () => {
  inDocker(['app:dev'], layers('one'));
  write(path.join(dir, 'docker/overlay2/cache-1/diff/app'), 'ONE');
  const images = await store();
  await assert.rejects(images.adopt('app:dev'), /content has digest sha256:.*, expected sha256:/);
  assert.equal(await images.resolve('app:dev'), undefined);
});
