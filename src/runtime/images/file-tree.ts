import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { fileChunks } from './decompress.ts';
import { readTar } from './tar-reader.ts';
import { type TarMember, tarEnd, tarHeader, tarPadding } from './tar-writer.ts';

export interface TreeNode {
  type: TarMember['type'];
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  /** Target of a symlink, or path of the file that a hard link repeats. */
  link?: string;
  /** Where the content is in the scratch file. */
  content?: { offset: number; size: number };
  xattrs?: Map<string, Uint8Array>;
}

/** Top-level directories that are links into /usr (Debian's merged /usr). */
const merged = ['bin', 'sbin', 'lib', 'lib64', 'lib32', 'libx32'];

/** A root file system that is being put together: metadata in memory, contents in one scratch file. Paths have no leading '/'. */
export class FileTree {
  readonly nodes = new Map<string, TreeNode>();
  readonly #file: string;
  readonly #fd: number;
  /** Length of the scratch file. */
  #end = 0;

  constructor(file: string) {
    this.#file = file;
    this.#fd = openSync(file, 'w+', 0o600);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Adds the members of a tar archive that `wanted` accepts, with merged /usr: what packages ship in /lib lands in /usr/lib. */
  async addTar(source: AsyncIterable<Uint8Array>, wanted: (path: string) => boolean): Promise<void> {
    for await (const entry of readTar(source)) {
      const path = canonical(entry.name);
      if (path === '' || !wanted(path) || (entry.type === 'directory' && merged.includes(trim(entry.name)))) continue;
      if (entry.type === 'block') throw new Error(`package member '${entry.name}' is a block device`);
      const { type, mode, uid, gid, xattrs } = entry;
      const node: TreeNode = { type, mode, uid, gid, mtime: Math.floor(entry.mtime), xattrs };
      if (entry.type === 'symlink') node.link = entry.linkName;
      if (entry.type === 'link') node.link = canonical(entry.linkName);
      if (entry.type === 'file') {
        node.content = { offset: this.#end, size: entry.size };
        for await (const chunk of entry.body) this.#append(chunk);
      }
      this.nodes.set(path, node);
    }
  }

  addFile(path: string, data: string | Uint8Array, mode = 0o644): void {
    const content = Buffer.from(data as string);
    const node = { type: 'file' as const, mode, uid: 0, gid: 0, mtime: 0 };
    this.nodes.set(canonical(path), { ...node, content: { offset: this.#end, size: content.length } });
    this.#append(content);
  }

  addLink(path: string, target: string): void {
    this.nodes.set(canonical(path), { type: 'symlink', mode: 0o777, uid: 0, gid: 0, mtime: 0, link: target });
  }

  addDirectory(path: string, mode = 0o755): void {
    this.nodes.set(canonical(path), { type: 'directory', mode, uid: 0, gid: 0, mtime: 0 });
  }

  /** Gives a file, or all below a directory ('…/'), another place. */
  move(from: string, to: string): void {
    const [source, target] = [canonical(from), canonical(to)];
    for (const [path, node] of [...this.nodes]) {
      if (path !== source && !path.startsWith(`${source}/`)) continue;
      this.nodes.delete(path);
      this.nodes.set(`${target}${path.slice(source.length)}`, node);
    }
  }

  /** The bytes of a regular file. */
  read(path: string): Buffer {
    const node = this.nodes.get(path);
    const content = node?.type === 'link' ? this.nodes.get(node.link ?? '')?.content : node?.content;
    if (!content) throw new Error(`the tree has no file '${path}'`);
    const buffer = Buffer.alloc(content.size);
    readSync(this.#fd, buffer, 0, content.size, content.offset);
    return buffer;
  }

  /** The tree as a tar archive: sorted, parents before children, so that equal trees make equal bytes. */
  async *toTar(): AsyncGenerator<Buffer> {
    for (const name of merged) if (this.#isUsed(`usr/${name}`)) this.#forceLink(name);
    for (const path of [...this.nodes.keys()]) this.#addParents(path);
    const order = (path: string): number => (this.nodes.get(path)?.type === 'link' ? 1 : 0);
    // Hard links last: they may repeat a file that sorts behind them.
    const paths = [...this.nodes.keys()].sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
    for (const path of paths) {
      const node = this.nodes.get(path) as TreeNode;
      const { type, mode, uid, gid, mtime, xattrs } = node;
      const name = type === 'directory' ? `${path}/` : path;
      const size = node.content?.size ?? 0;
      yield tarHeader({
        name,
        type,
        mode,
        uid,
        gid,
        mtime,
        size,
        ...(xattrs && { xattrs }),
        ...(node.link !== undefined && { linkName: node.link }),
      });
      if (!node.content || size === 0) continue;
      yield* fileChunks(this.#file, node.content.offset, size);
      yield tarPadding(size);
    }
    yield tarEnd;
  }

  #append(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) at += writeSync(this.#fd, chunk, at, chunk.length - at, this.#end + at);
    this.#end += chunk.length;
  }

  #isUsed(prefix: string): boolean {
    for (const path of this.nodes.keys()) if (path === prefix || path.startsWith(`${prefix}/`)) return true;
    return false;
  }

  #forceLink(name: string): void {
    this.nodes.set(name, { type: 'symlink', mode: 0o777, uid: 0, gid: 0, mtime: 0, link: `usr/${name}` });
  }

  #addParents(path: string): void {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      if (!this.nodes.has(parent)) this.addDirectory(parent);
    }
  }
}

/** './lib/x' to 'usr/lib/x'. */
export function canonical(path: string): string {
  const clean = trim(path);
  if (clean.split('/').includes('..')) throw new Error(`path '${path}' leaves the root`);
  return merged.some((name) => clean.startsWith(`${name}/`)) ? `usr/${clean}` : clean;
}

const trim = (path: string): string =>
  path
    .replace(/^(\.?\/)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '');
