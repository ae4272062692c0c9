import fs from 'node:fs';
import { readRpmOwners } from './packages-rpm.ts';

export interface PackageInfo {
  name: string;
  version: string;
}

/** Which package each file belongs to, by the database of dpkg, rpm, apk or pacman, read without their tools. */
export function readPackageOwners(paths: string[]): Map<string, PackageInfo> {
  const wanted = new Map<string, string>();
  for (const path of paths) for (const name of aliases(path)) wanted.set(name, path);
  const owners = new Map<string, PackageInfo>();
  const found = (name: string, info: PackageInfo) => {
    const path = wanted.get(name);
    if (path !== undefined) owners.set(path, info);
  };
  if (fs.existsSync('/var/lib/dpkg/info')) readDpkg(wanted, found);
  else if (fs.existsSync('/lib/apk/db/installed')) readApk(found);
  else if (fs.existsSync('/var/lib/pacman/local')) readPacman(wanted, found);
  else readRpmOwners(found);
  return owners;
}

type Found = (path: string, info: PackageInfo) => void;

/** Where /usr is merged, databases may name either path. */
function aliases(path: string): string[] {
  const usr = /^\/usr(\/(?:s?bin|lib\w*)\/.*)$/.exec(path)?.[1];
  return [path, ...(usr ? [usr] : /^\/(s?bin|lib\w*)\//.test(path) ? [`/usr${path}`] : [])];
}

/** info/NAME[:ARCH].list has a line for each file; versions are in status. */
function readDpkg(wanted: Map<string, string>, found: Found): void {
  const owners = new Map<string, string>();
  const needles = [...wanted.keys()].map((path) => ({ path, bytes: Buffer.from(`\n${path}\n`) }));
  for (const file of list('/var/lib/dpkg/info')) {
    if (!file.endsWith('.list')) continue;
    const content = readBytes(`/var/lib/dpkg/info/${file}`);
    if (!content) continue;
    for (const { path, bytes } of needles)
      if (content.includes(bytes)) owners.set(path, file.replace(/(:\w+)?\.list$/, ''));
  }
  const versions = dpkgVersions(new Set(owners.values()));
  for (const [path, name] of owners) found(path, { name, version: versions.get(name) ?? '' });
}

function dpkgVersions(names: Set<string>): Map<string, string> {
  const versions = new Map<string, string>();
  for (const entry of read('/var/lib/dpkg/status').split('\n\n')) {
    const name = /^Package: (.*)$/m.exec(entry)?.[1];
    if (name && names.has(name)) versions.set(name, /^Version: (.*)$/m.exec(entry)?.[1] ?? '');
  }
  return versions;
}

/** apk-v2 database: P: package, V: version, F: directory, R: file in it. */
function readApk(found: Found): void {
  for (const entry of read('/lib/apk/db/installed').split('\n\n')) {
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
function readPacman(wanted: Map<string, string>, found: Found): void {
  for (const directory of list('/var/lib/pacman/local')) {
    const match = /^(.*)-([^-]+-[^-]+)$/.exec(directory);
    const files = match && readBytes(`/var/lib/pacman/local/${directory}/files`);
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
