import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Linux } from '../../src/linux/linux.ts';
import { openLinux } from '../../src/linux/open.ts';
import { openImages } from '../../src/runtime/images/images.ts';
import { mediaTypes } from '../../src/runtime/images/media-types.ts';
import { SmallRegistry } from '../../src/runtime/images/testing/small-registry.ts';
import type { Images } from '../../src/runtime/runtime.ts';
import { until } from '../cluster/fixture/until.ts';
import { log } from './runtime-fixture.ts';

/** What a full disk and a sudden death leave of a pull: nothing. */
let dir: string;
let linux: Linux;
let registry: SmallRegistry;

before(async () => {
  dir = mkdtempSync('/run/vitrine-store-');
  [linux, registry] = await Promise.all([openLinux({ log }), new SmallRegistry().listen()]);
});
after(async () => {
  registry.close();
  for (const mount of await linux.mounts.list(dir)) await linux.mounts.unmount(mount.target);
  await linux.close();
  rmSync(dir, { recursive: true });
});

const open = (store: string): Promise<Images> => openImages({ dir: store, linux, log });
const leftovers = (store: string) =>
  [...readdirSync(path.join(store, 'blobs/sha256')), ...readdirSync(path.join(store, 'layers'))].filter((name) =>
    name.startsWith('.'),
  );

const sizeOf = (store: string, name: string): number =>
  ['blobs/sha256', 'layers']
    .map((dir) => path.join(store, dir, name))
    .filter((entry) => existsSync(entry))
    .reduce(
      (sum, entry) => sum + Number(execFileSync('du', ['-s', '--block-size=1', entry]).toString().split('\t')[0]),
      0,
    );

/** A store on a file system of its own, of that size. */
async function smallDisk(name: string, megabytes: number): Promise<string> {
  const target = path.join(dir, name);
  mkdirSync(target);
  await linux.mounts.mount({ source: 'tmpfs', target, type: 'tmpfs', flags: [], data: `size=${megabytes}m` });
  return target;
}

const noise = (bytes: number) =>
  Buffer.from(Array.from({ length: bytes / 4 }, () => Math.random() * 255)).toString('hex');

test('a disk that fills up while an image arrives: said so, and all that the pull brought is gone', async () => {
  const store = await smallDisk('full', 8);
  registry.image('big:v1', [[{ name: 'a', data: noise(4 << 20) }], [{ name: 'b', data: noise(4 << 20) }]]);
  registry.image('small:v1', [[{ name: 'a', data: 'x' }]]);
  const images = await open(store);
  writeFileSync(path.join(store, 'ballast'), Buffer.alloc(6 << 20));
  await assert.rejects(images.pull(`${registry.address}/big:v1`), /ENOSPC: no space left on device/);
  await until('the pull’s remains are gone', () => {
    const { bavail, bsize } = statfsSync(store);
    return bavail * bsize > (2 << 20) - 300_000;
  });
  assert.deepEqual(leftovers(store), []);
  assert.deepEqual(await images.list(), []);
  assert.ok(await images.pull(`${registry.address}/small:v1`), 'the store goes on working');
});

test('an archive that unpacks to more than there is room for stops before the disk is full', async () => {
  const store = await smallDisk('bomb', 20);
  registry.image('bomb:v1', [[{ name: 'zeros', data: '\0'.repeat(40 << 20) }]]);
  await assert.rejects((await open(store)).pull(`${registry.address}/bomb:v1`), /layer is larger than the \d+ bytes/);
  assert.deepEqual(leftovers(store), []);
});

test('what a puller that was killed left behind is gone when the store is opened again', async () => {
  const store = path.join(dir, 'killed');
  registry.image('slow:v1', [[{ name: 'a', data: noise(1 << 20) }], [{ name: 'b', data: 'second' }]]);
  registry.intercept = (request, response) => {
    const digest = /blobs\/(sha256:.*)$/.exec(request.url ?? '')?.[1] ?? '';
    const found = registry.content.get(digest);
    if (found?.mediaType !== mediaTypes.ociLayerGzip || found.data.length < 100_000) return false;
    response.writeHead(200, { 'content-length': found.data.length });
    response.write(found.data.subarray(0, found.data.length / 2));
    return true;
  };
  const script = path.join(import.meta.dirname, 'pull-other-process.ts');
  const child = spawn(process.execPath, ['--no-warnings', script, store, `${registry.address}/slow:v1`], {
    stdio: 'inherit',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  // Of the large layer, which never comes to its end: the other one may be whole by the time of the kill.
  await until('a part of a layer is on disk', () => leftovers(store).some((name) => sizeOf(store, name) > 50_000));
  child.kill('SIGKILL');
  await ended;
  assert.ok(leftovers(store).length > 0);
  const images = await open(store);
  assert.deepEqual(leftovers(store), []);
  registry.intercept = () => false;
  const image = await images.pull(`${registry.address}/slow:v1`);
  assert.equal(image.layers.length, 2);
});
