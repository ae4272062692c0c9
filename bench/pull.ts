/**
 * Pulling and unpacking from a registry on loopback, as ratios in one run: Vitrine's image store to `skopeo copy` and
 * `umoci unpack`, which do the same two steps (Debian: docker-registry, skopeo, umoci). Two images of the same files:
 * one layer, and many.
 *
 * Usage: node bench/pull.ts [megabytes] [layers]
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { createLogger } from '../src/base/log.ts';
import { openLinux } from '../src/linux/open.ts';
import { openImages } from '../src/runtime/images/images.ts';
import { hostArchitecture } from '../src/runtime/images/manifest.ts';
import { mediaTypes } from '../src/runtime/images/media-types.ts';
import { hasRegistry, type RegistryServer, startRegistry } from '../test/kernel/registry-server.ts';
import { quiet } from './at-once.ts';

const megabytes = Number(process.argv[2] ?? 150);
const manyLayers = Number(process.argv[3] ?? 40);
const rounds = 3;
const log = createLogger('bench', { level: 'warn' });

if (!hasRegistry || !hasProgram('skopeo') || !hasProgram('umoci')) {
  console.log('not run: it needs docker-registry, skopeo and umoci');
  process.exit(0);
}

const dir = mkdtempSync('/var/tmp/vitrine-bench-pull-');
const linux = await openLinux({ log });
const registry = await startRegistry();
try {
  const files = someFiles(megabytes << 20);
  for (const layers of [1, manyLayers]) {
    const name = `bench/layers-${layers}`;
    await registry.push(...makeLayout(files, layers), name, 'v1');
    await compare(
      registry,
      name,
      `${megabytes} MB in ${files.length} files, ${layers} ${layers > 1 ? 'layers' : 'layer'}`,
    );
  }
} finally {
  await registry.stop();
  await linux.close();
  rmSync(dir, { recursive: true, force: true });
}

async function compare({ address }: RegistryServer, name: string, what: string): Promise<void> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await timed('ours', () => vitrine(`${address}/${name}:v1`)));
    theirs.push(await timed('theirs', () => skopeoAndUmoci(`${address}/${name}:v1`)));
  }
  const ratio = Math.min(...ours) / Math.min(...theirs);
  const list = (times: number[]) => times.map((ms) => Math.round(ms)).join(', ');
  console.log(`${what}: ${list(ours)} ms; skopeo and umoci ${list(theirs)} ms; ratio ${ratio.toFixed(2)} (goal: 1.3)`);
}

async function vitrine(image: string): Promise<void> {
  const images = await openImages({ dir: path.join(dir, 'ours'), linux, log });
  await images.pull(image);
}

async function skopeoAndUmoci(image: string): Promise<void> {
  const layout = path.join(dir, 'theirs');
  await quiet(['skopeo', 'copy', '-q', '--src-tls-verify=false', `docker://${image}`, `oci:${layout}:v1`]);
  await quiet(['umoci', 'unpack', '--image', `${layout}:v1`, path.join(dir, 'theirs-rootfs')]);
}

async function timed(side: string, work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  const took = performance.now() - began;
  for (const name of readdirSync(dir)) if (name.startsWith(side)) rmSync(path.join(dir, name), { recursive: true });
  return took;
}

/** Files of this host, as an image of a distribution holds them. */
function someFiles(bytes: number): string[] {
  const found: string[] = [];
  let sum = 0;
  const list = execFileSync('find', ['/usr/share', '-xdev', '-type', 'f', '-size', '-4M', '-printf', '%s %p\n'], {
    maxBuffer: 1 << 28,
  });
  for (const line of list.toString().split('\n')) {
    const [size = '', file = ''] = line.split(/ (.*)/);
    if (!file) continue;
    found.push(file);
    sum += Number(size);
    if (sum > bytes) return found;
  }
  return found;
}

/** An OCI layout with these files, spread over so many layers; with the digest of its manifest. */
function makeLayout(files: string[], layerCount: number): [layout: string, manifestDigest: string] {
  const layout = path.join(dir, `layout-${layerCount}`);
  mkdirSync(path.join(layout, 'blobs/sha256'), { recursive: true });
  const put = (data: Uint8Array, mediaType: string) => {
    const digest = digestOf(data);
    writeFileSync(path.join(layout, 'blobs', digest.replace(':', '/')), data);
    return { mediaType, digest, size: data.length };
  };
  const each = Math.ceil(files.length / layerCount);
  const tars = Array.from({ length: layerCount }, (_, index) => tarOf(files.slice(index * each, (index + 1) * each)));
  const layers = tars.map((tar) => put(gzipSync(tar), mediaTypes.ociLayerGzip));
  const config = {
    architecture: hostArchitecture,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: put(Buffer.from(JSON.stringify(config)), mediaTypes.ociConfig),
    layers,
  };
  return [layout, put(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest).digest];
}

function tarOf(files: string[]): Buffer {
  const list = path.join(dir, 'list');
  const tar = path.join(dir, 'tar');
  writeFileSync(list, files.map((file) => file.slice(1)).join('\n'));
  execFileSync('tar', ['--create', '--file', tar, '--directory', '/', '--files-from', list]);
  return readFileSync(tar);
}

function digestOf(data: Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '')
    .split(':')
    .some((place) => lstatSync(path.join(place, name), { throwIfNoEntry: false }));
}
