import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { PayloadFile } from './volume.ts';

/**
 * Puts a set of files into a directory so that readers see all of the old or all of the new (pkg/volume/util
 * atomic_writer.go): the files lie in a directory of their own, `..data` points to it and is swapped by rename, and each
 * visible name points through `..data`. Synchronous: the directory is on tmpfs, where a call costs microseconds.
 */
export function writeAtomically(directory: string, files: PayloadFile[], fsGroup?: number): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const old = dataTarget(directory);
  const name = `..${timestamp()}`;
  const fresh = path.join(directory, name);
  mkdirSync(fresh, { mode: 0o755 });
  for (const file of files) writeFile(fresh, file, fsGroup);
  if (fsGroup !== undefined) for (const made of [directory, fresh]) chownSync(made, 0, fsGroup);
  chmodSync(fresh, fsGroup === undefined ? 0o755 : 0o2775);

  const staged = path.join(directory, '..data_tmp');
  rmSync(staged, { force: true });
  symlinkSync(name, staged);
  renameSync(staged, path.join(directory, '..data'));
  linkNames(directory, files);
  if (old && old !== name) rmSync(path.join(directory, old), { recursive: true, force: true });
}

/** Names the content, to see whether anything has changed. */
export function payloadDigest(files: PayloadFile[]): string {
  const hash = createHash('sha1');
  for (const { path: name, content, mode } of files) hash.update(`${name}\0${mode}\0`).update(content);
  return hash.digest('base64');
}

function writeFile(directory: string, file: PayloadFile, fsGroup: number | undefined): void {
  const target = path.join(directory, file.path);
  if (file.path.includes('/')) mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
  const mode = fsGroup === undefined ? file.mode : file.mode | 0o440;
  writeFileSync(target, file.content, { mode });
  // The mode given at creation is cut by the umask.
  chmodSync(target, mode);
  if (fsGroup !== undefined || file.uid !== undefined) chownSync(target, file.uid ?? 0, fsGroup ?? 0);
}

function linkNames(directory: string, files: PayloadFile[]): void {
  const wanted = new Set(files.map((file) => file.path.split('/')[0]!));
  const present = new Set(readdirSync(directory).filter((name) => !name.startsWith('..')));
  for (const name of wanted) if (!present.has(name)) symlinkSync(`..data/${name}`, path.join(directory, name));
  for (const name of present) if (!wanted.has(name)) rmSync(path.join(directory, name), { force: true });
}

function dataTarget(directory: string): string | undefined {
  try {
    return readlinkSync(path.join(directory, '..data'));
  } catch {
    return undefined;
  }
}

/** '2026_01_02_03_04_05.123456789': of the time, made unique by the high-resolution clock. */
function timestamp(): string {
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-:T]/g, '_');
  return `${stamp}.${String(process.hrtime.bigint() % 1_000_000_000n).padStart(9, '0')}`;
}
