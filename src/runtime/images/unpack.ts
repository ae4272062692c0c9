import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { makeFifo, makeNode, setAttribute } from '../../linux/files.ts';
import { decompress } from './decompress.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

export interface UnpackLimits {
  /** Unpacked bytes of one layer. @default no limit */
  maxBytes?: number;
  /** Members of one layer. @default no limit */
  maxEntries?: number;
}

/**
 * Unpacks one layer (tar, plain or compressed) into the empty directory `root` and returns its diff id, 'sha256:…' of the
 * uncompressed archive, and its size. Whiteouts become what overlayfs understands: a character device 0/0, and the
 * attribute trusted.overlay.opaque (OCI image-spec layer.md; kernel Documentation/filesystems/overlayfs.rst).
 */
export async function unpackLayer(
  source: AsyncIterable<Uint8Array>,
  root: string,
  limits: UnpackLimits = {},
): Promise<{ diffId: string; bytes: number }> {
  const hash = createHash('sha256');
  const layer = new LayerWriter(root, limits);
  const hashed = (async function* () {
    for await (const chunk of decompress(source)) {
      hash.update(chunk);
      layer.count(chunk.length);
      yield chunk;
    }
  })();
  for await (const entry of readTar(hashed)) await layer.add(entry);
  layer.finish();
  return { diffId: `sha256:${hash.digest('hex')}`, bytes: layer.bytes };
}

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

class LayerWriter {
  readonly #root: string;
  readonly #limits: Required<UnpackLimits>;
  /** Names of directories as they stand in archives, with where they really are; cleared when a directory or a symbolic link goes away. */
  #directories = new Map<string, string>();
  /** Times of directories, set last, as filling a directory changes them. */
  #times = new Map<string, number>();
  /** Whiteouts made, so that a directory of this layer in their place becomes opaque. */
  #whiteouts = new Set<string>();
  #entries = 0;
  /** Bytes of the archive so far. */
  bytes = 0;

  constructor(root: string, limits: UnpackLimits) {
    this.#root = root;
    const { maxBytes = Number.POSITIVE_INFINITY, maxEntries = Number.POSITIVE_INFINITY } = limits;
    this.#limits = { maxBytes, maxEntries };
  }

  count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.#limits.maxBytes)
      throw new Error(`layer is larger than the ${this.#limits.maxBytes} bytes that it may have`);
  }

  async add(entry: TarEntry): Promise<void> {
    if (++this.#entries > this.#limits.maxEntries)
      throw new Error(`layer has more than the ${this.#limits.maxEntries} members that it may have`);
    const parts = cleanName(entry.name);
    const base = parts.pop();
    if (base === undefined) {
      if (entry.type === 'directory') this.#attributes(this.#root, entry);
      return;
    }
    const parent = this.#directory(parts);
    if (base.startsWith(whiteoutPrefix)) return this.#whiteout(parent, base);
    const target = `${parent}/${base}`;
    this.#clear(target, entry.type === 'directory');
    await this.#create(target, entry);
    if (entry.type !== 'link' && entry.type !== 'file') this.#attributes(target, entry);
  }

  finish(): void {
    for (const [directory, mtime] of this.#times)
      if (lstat(directory)?.isDirectory()) lutimesSync(directory, mtime, mtime);
  }

  async #create(target: string, entry: TarEntry): Promise<void> {
    switch (entry.type) {
      case 'directory': {
        if (!lstat(target)) mkdirSync(target, 0o700);
        if (this.#whiteouts.has(target)) setAttribute(target, 'trusted.overlay.opaque', Buffer.from('y'));
        return;
      }
      case 'file':
        return this.#file(target, entry);
      case 'symlink':
        return symlinkSync(entry.linkName, target);
      case 'link':
        return this.#hardLink(target, entry);
      case 'fifo':
        return makeFifo(target, 0o600);
      case 'char':
      case 'block':
        if (entry.type === 'char' && entry.major === 0 && entry.minor === 0) {
          throw new Error(`layer member '${entry.name}' is an overlay whiteout device, which archives must not carry`);
        }
        return makeNode(target, entry.type, 0o600, entry.major, entry.minor);
    }
  }

  async #file(target: string, entry: TarEntry): Promise<void> {
    const fd = openSync(target, 'wx', 0o600);
    try {
      for await (const chunk of entry.body) {
        let at = 0;
        while (at < chunk.length) at += writeSync(fd, chunk, at);
      }
      fchownSync(fd, entry.uid, entry.gid);
      fchmodSync(fd, entry.mode);
      this.#extended(target, entry);
      futimesSync(fd, entry.mtime, entry.mtime);
    } finally {
      closeSync(fd);
    }
  }

  #hardLink(target: string, entry: TarEntry): void {
    const parts = cleanName(entry.linkName);
    const base = parts.pop();
    if (base === undefined) throw new Error(`layer member '${entry.name}' is a hard link to the root`);
    const existing = `${this.#directory(parts)}/${base}`;
    if (!lstat(existing) || lstat(existing)?.isDirectory()) {
      throw new Error(
        `layer member '${entry.name}' is a hard link to '${entry.linkName}', which is no file of the layer`,
      );
    }
    linkSync(existing, target);
  }

  #whiteout(parent: string, base: string): void {
    if (base === opaqueMarker) {
      setAttribute(parent, 'trusted.overlay.opaque', Buffer.from('y'));
      return;
    }
    if (base.startsWith('.wh..wh.')) return; // aufs bookkeeping
    const name = base.slice(whiteoutPrefix.length);
    if (name === '' || name === '.' || name === '..') throw new Error(`layer has an invalid whiteout '${base}'`);
    const target = `${parent}/${name}`;
    if (lstat(target)) return; // a whiteout hides lower layers only
    makeNode(target, 'char', 0, 0, 0);
    this.#whiteouts.add(target);
  }

  /** Removes what an earlier member left in the place of a new one; a directory stays when another one comes. */
  #clear(target: string, forDirectory: boolean): void {
    const stats = lstat(target);
    if (!stats || (forDirectory && stats.isDirectory())) return;
    if (stats.isDirectory() || stats.isSymbolicLink()) this.#directories.clear();
    if (stats.isDirectory()) rmSync(target, { recursive: true });
    else unlinkSync(target);
  }

  /** Owner first, as chown clears setuid bits and capabilities; then mode, attributes and times. */
  #attributes(target: string, entry: TarEntry): void {
    lchownSync(target, entry.uid, entry.gid);
    if (entry.type !== 'symlink') chmodSync(target, entry.mode);
    this.#extended(target, entry);
    if (entry.type === 'directory') this.#times.set(target, entry.mtime);
    else lutimesSync(target, entry.mtime, entry.mtime);
  }

  #extended(target: string, entry: TarEntry): void {
    for (const [name, value] of entry.xattrs) {
      // trusted.overlay.redirect and its like would point out of the layer.
      if (name.startsWith('trusted.') || name.startsWith('security.selinux')) continue;
      setAttribute(target, name, value);
    }
  }

  /** The real place of a directory, made if absent, with symbolic links resolved as if `root` were '/'. */
  #directory(parts: string[]): string {
    const key = parts.join('/');
    const known = this.#directories.get(key);
    if (known !== undefined) return known;
    const resolved: string[] = [];
    const rest = [...parts];
    for (let links = 0; rest.length > 0; ) {
      const part = rest.shift() as string;
      if (part === '.' || part === '') continue;
      if (part === '..') {
        resolved.pop();
        continue;
      }
      const place = [this.#root, ...resolved, part].join('/');
      const stats = lstat(place);
      if (stats?.isSymbolicLink()) {
        if (++links > 255) throw new Error(`layer path '${key}' has too many symbolic links`);
        const link = readlinkSync(place);
        if (link.startsWith('/')) resolved.length = 0;
        rest.unshift(...link.split('/'));
        continue;
      }
      if (!stats) mkdirSync(place, 0o755);
      else if (!stats.isDirectory())
        throw new Error(`layer path '${key}' passes through '${part}', which is no directory`);
      resolved.push(part);
    }
    const place = [this.#root, ...resolved].join('/');
    this.#directories.set(key, place);
    return place;
  }
}

/** Components of a member's name; '..' is refused, a leading '/' or './' means nothing. */
function cleanName(name: string): string[] {
  if (name.includes('\0')) throw new Error('layer member name contains a null byte');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error(`layer member '${name}' leaves the root`);
  return parts;
}

function lstat(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
