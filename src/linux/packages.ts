import fs from 'node:fs';
import { readRpmOwners } from './packages-rpm.ts';

export interface PackageInfo {
  name: string;
  version: string;
}

/**
 * Which package each file belongs to, by the databases of dpkg, apk, pacman and rpm, read without their tools; only old
 * formats of rpm's need the tool itself. `root`: of another system's files.
 */
export function readPackageOwners(paths: string[], root = ''): Map<string, PackageInfo> {
  const wanted = new Map<string, string>();
  for (const path of paths) for (const name of aliases(path)) wanted.set(name, path);
  const owners = new Map<string, PackageInfo>();
  const found = (name: string, info: PackageInfo) => {
    const path = wanted.get(name);
    if (path !== undefined) owners.set(path, info);
  };
  // A Debian may have rpm installed, and the other way round: what one does not know, the next may.
  for (const read of [readDpkg, readApk, readPacman, readRpm])
    if (owners.size < paths.length) read(root, wanted, found);
  return owners;
}

const readRpm = (root: string, wanted: Map<string, string>, found: Found): void =>
  readRpmOwners(root, [...wanted.keys()], found);

type Found = (path: string, info: PackageInfo) => void;

/** Where /usr is merged, databases may name either path. */
function aliases(path: string): string[] {
  const usr = /^\/usr(\/(?:s?bin|lib\w*)\/.*)$/.exec(path)?.[1];
  return [path, ...(usr ? [usr] : /^\/(s?bin|lib\w*)\//.test(path) ? [`/usr${path}`] : [])];
}

/** info/NAME[:ARCH].list has a line for each file; versions are in status. */
function readDpkg(root: string, wanted: Map<string, string>, found: Found): void {
  const directory = `${root}/var/lib/dpkg`;
  const owners = new Map<string, string>();
  const needles = [...wanted.keys()].map((path) => ({ path, bytes: Buffer.from(`\n${path}\n`) }));
  for (const file of list(`${directory}/info`)) {
    if (!file.endsWith('.list')) continue;
    const content = readBytes(`${directory}/info/${file}`);
    if (!content) continue;
    for (const { path, bytes } of needles)
      if (content.includes(bytes)) owners.set(path, file.replace(/(:\w+)?\.list$/, ''));
  }
  const versions = dpkgVersions(read(`${directory}/status`), new Set(owners.values()));
  for (const [path, name] of owners) found(path, { name, version: versions.get(name) ?? '' });
}

function dpkgVersions(status: string, names: Set<string>): Map<string, string> {
  const versions = new Map<string, string>();
  for (const entry of status.split('\n\n')) {
    const name = /^Package: (.*)$/m.exec(entry)?.[1];
    if (name && names.has(name)) versions.set(name, /^Version: (.*)$/m.exec(entry)?.[1] ?? '');
  }
  return versions;
}

/** apk-v2 database (apk-package(5), in /usr since apk 3): P: package, V: version, F: directory, R: file in it. */
function readApk(root: string, _: Map<string, string>, found: Found): void {
  const text = read(`${root}/lib/apk/db/installed`) || read(`${root}/usr/lib/apk/db/installed`);
  for (const entry of text.split('\n\n')) {
    const info = { name: '', version: '' };
    let directory = '';
    for (const line of entry.split('\n')) {
      const value = line.slice(2);
      if (line.startsWith('P:')) info.name = value;
      else if (line.startsWith('V:')) info.version = value;
      else if (line.startsWith('F:')) directory = value;
      else if (line.startsWith('R:')) found(`/${directory}/${value}`, info);
    }
  }
}

/** local/NAME-VERSION-RELEASE/files lists paths without the first slash. */
function readPacman(root: string, wanted: Map<string, string>, found: Found): void {
  const local = `${root}/var/lib/pacman/local`;
  for (const directory of list(local)) {
    const match = /^(.*)-([^-]+-[^-]+)$/.exec(directory);
    const files = match && readBytes(`${local}/${directory}/files`);
    if (!files) continue;
    for (const path of wanted.keys())
      if (files.includes(`\n${path.slice(1)}\n`)) found(path, { name: match[1]!, version: match[2]! });
  }
}

function list(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function readBytes(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

const read = (file: string): string => readBytes(file)?.toString('utf8') ?? '';
