import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import type { BuildSpec, ImageInfo } from '../runtime.ts';
import { ImageError } from '../runtime.ts';
import { downloadPackages } from './debian-packages.ts';
import { fileChunks } from './decompress.ts';
import { FileTree } from './file-tree.ts';
import type { StoreParts } from './images.ts';
import { installImage } from './install.ts';
import { belongsInImage, keepOnly } from './keep-files.ts';
import { type ConfigFile, hostArchitecture, type Manifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { normalizeName } from './reference.ts';

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Makes an image of one layer from Debian packages, without Docker and without running maintainer scripts:
 * 1. download the packages and what they depend on;  2. merge their files into one tree, without documentation;
 * 3. reduce it to `keep`;  4. add users, directories and the spec's own files;  5. store layer, config and manifest.
 * The same packages make the same image, byte for byte.
 */
export async function buildImage(parts: StoreParts, spec: BuildSpec): Promise<ImageInfo> {
  const name = normalizeName(spec.name);
  const progress = spec.onProgress ?? (() => {});
  const scratch = parts.blobs.temporary();
  mkdirSync(scratch, { recursive: true });
  const tree = new FileTree(path.join(scratch, 'content'));
  try {
    const debs = await downloadPackages(parts.linux, spec.packages, spec.skip ?? [], scratch, progress);
    progress('unpacking the packages');
    const builtAt = await addPackages(parts, tree, debs, scratch);
    if (spec.keep) keepOnly(tree, spec.keep);
    for (const [from, to] of spec.moves ?? []) tree.move(from, to);
    addBase(tree);
    addOwn(tree, spec);
    await addLibraryCache(parts, tree, scratch);
    progress('writing the layer');
    return await store(parts, tree, spec, name, builtAt);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError('ImageBuildFailed', `build image "${name}"`, error);
  } finally {
    tree.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Returns the time of the newest file, in seconds, which stands for the time of the build. */
async function addPackages(parts: StoreParts, tree: FileTree, debs: string[], scratch: string): Promise<number> {
  const jobs = debs.map((deb, index) => ({ deb, tar: path.join(scratch, `${index}.tar`) }));
  const extract = async ({ deb, tar }: { deb: string; tar: string }) => {
    const result = await parts.linux.processes.run(['sh', '-c', 'dpkg-deb --fsys-tarfile "$1" >"$2"', 'sh', deb, tar]);
    if (result.code !== 0) throw new Error(`dpkg-deb cannot read ${path.basename(deb)}: ${result.stderr.trim()}`);
  };
  const queue = [...jobs];
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) await extract(job);
  };
  await Promise.all([worker(), worker()]);
  for (const { tar } of jobs) {
    await tree.addTar(fileChunks(tar), belongsInImage);
    rmSync(tar);
  }
  return Math.max(0, ...[...tree.nodes.values()].map((node) => node.mtime));
}

/** What maintainer scripts of base-files and base-passwd would have made. */
function addBase(tree: FileTree): void {
  for (const directory of [
    'dev',
    'proc',
    'sys',
    'run',
    'home',
    'etc',
    'var/lib',
    'var/cache',
    'var/log',
    'usr/bin',
    'usr/sbin',
  ]) {
    if (!tree.nodes.has(directory)) tree.addDirectory(directory);
  }
  tree.addDirectory('root', 0o700);
  for (const directory of ['tmp', 'var/tmp']) tree.addDirectory(directory, 0o1777);
  tree.addLink('var/run', '/run');
  const defaults: [string, string][] = [
    ['etc/passwd', passwd],
    ['etc/group', group],
    [
      'etc/nsswitch.conf',
      'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n',
    ],
  ];
  for (const [file, content] of defaults) if (!tree.nodes.has(file)) tree.addFile(file, content);
}

// Ids are Debian's (base-passwd, /usr/share/base-passwd/passwd.master).
const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin',
  'bin:x:2:2:bin:/bin:/usr/sbin/nologin',
  'sys:x:3:3:sys:/dev:/usr/sbin/nologin',
  'mail:x:8:8:mail:/var/mail:/usr/sbin/nologin',
  'www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin',
  'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
  '',
].join('\n');
const group = [
  'root:x:0:',
  'daemon:x:1:',
  'bin:x:2:',
  'sys:x:3:',
  'adm:x:4:',
  'tty:x:5:',
  'mail:x:8:',
  'www-data:x:33:',
  'shadow:x:42:',
  'utmp:x:43:',
  'staff:x:50:',
  'users:x:100:',
  'nogroup:x:65534:',
  '',
].join('\n');

function addOwn(tree: FileTree, spec: BuildSpec): void {
  for (const directory of spec.directories ?? []) tree.addDirectory(directory);
  for (const { path: file, content, mode } of spec.files ?? []) tree.addFile(file, content, mode);
  for (const [link, target] of spec.links ?? []) tree.addLink(link, target);
  for (const [source, target] of spec.copy ?? []) {
    const stats = statSync(source);
    if (!stats.isFile()) throw new Error(`'${source}' is no regular file`);
    tree.addFile(target, readFileSync(source), stats.mode & 0o7777);
  }
}

/** /etc/ld.so.cache spares each program the search for its libraries at its start. */
async function addLibraryCache(parts: StoreParts, tree: FileTree, scratch: string): Promise<void> {
  const libraries = [...tree.nodes].filter(([file]) => /^usr\/lib(64)?\/.*\.so(\.[\d.]+)?$/.test(file));
  if (!tree.nodes.has('etc/ld.so.conf') && libraries.length === 0) return;
  const root = path.join(scratch, 'ldconfig');
  const { writeFileSync, symlinkSync } = await import('node:fs');
  for (const [file, node] of libraries) {
    mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
    if (node.type === 'symlink') symlinkSync(node.link ?? '', path.join(root, file));
    else if (node.type === 'file') writeFileSync(path.join(root, file), tree.read(file));
  }
  for (const name of ['lib', 'lib64']) symlinkSync(`usr/${name}`, path.join(root, name));
  const directories = new Set(
    libraries.map(([file]) => path.posix.dirname(file)).filter((dir) => /^usr\/lib\/[^/]+-linux-[^/]+$/.test(dir)),
  );
  mkdirSync(path.join(root, 'etc'), { recursive: true });
  const config = [...directories].sort().flatMap((dir) => [`/${dir.slice(4)}`, `/${dir}`]);
  writeFileSync(path.join(root, 'etc/ld.so.conf'), `${config.join('\n')}\n`);
  const result = await parts.linux.processes.run(['ldconfig', '-r', root, '-X']).catch(() => undefined);
  // Without a cache programs start all the same: the linker searches its directories.
  if (result?.code === 0) tree.addFile('etc/ld.so.cache', readFileSync(path.join(root, 'etc/ld.so.cache')));
}

async function store(
  parts: StoreParts,
  tree: FileTree,
  spec: BuildSpec,
  name: string,
  builtAt: number,
): Promise<ImageInfo> {
  const layer = await parts.blobs.putStream(tree.toTar());
  const created = new Date(builtAt * 1000).toISOString();
  const env = spec.env ?? [];
  const config: ConfigFile = {
    created,
    architecture: hostArchitecture,
    os: 'linux',
    config: {
      ...(spec.user !== undefined && { User: spec.user }),
      ...(spec.expose && { ExposedPorts: Object.fromEntries(spec.expose.map((port) => [port, {}])) }),
      Env: env.some((entry) => entry.startsWith('PATH=')) ? env : [defaultPath, ...env],
      ...(spec.entrypoint && { Entrypoint: spec.entrypoint }),
      ...(spec.cmd && { Cmd: spec.cmd }),
      ...(spec.workingDir !== undefined && { WorkingDir: spec.workingDir }),
      ...(spec.stopSignal !== undefined && { StopSignal: spec.stopSignal }),
    },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
    history: [{ created, created_by: `vitrine image build --apt ${spec.packages.join(' ')}` }],
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: await parts.blobs.put(Buffer.from(JSON.stringify(config)), mediaTypes.ociConfig),
    layers: [{ mediaType: mediaTypes.ociLayer, ...layer }],
  };
  const descriptor = await parts.blobs.put(Buffer.from(JSON.stringify(manifest)), mediaTypes.ociManifest);
  return installImage(parts, descriptor, [name]);
}
