import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';

/** Tags of rpm headers (rpmtag.h). */
const tags = { name: 1000, version: 1001, release: 1002, dirIndexes: 1116, baseNames: 1117, dirNames: 1118 };

const databases = ['/usr/lib/sysimage/rpm', '/var/lib/rpm'];

type Found = (path: string, info: { name: string; version: string }) => void;

/** Calls back for files of rpm's packages: all of the SQLite database (rpm 4.16 and later); of older formats those asked for. */
export function readRpmOwners(root: string, wanted: string[], found: Found): void {
  const has = (name: string) =>
    databases.map((directory) => `${root}${directory}/${name}`).find((path) => fs.existsSync(path));
  const file = has('rpmdb.sqlite');
  if (file) readSqlite(file, found);
  // Berkeley DB and ndb: only rpm itself reads them, which is where they are.
  else if (has('Packages') ?? has('Packages.db')) askRpm(root, wanted, found);
}

function askRpm(root: string, wanted: string[], found: Found): void {
  for (const path of wanted.filter((name) => fs.existsSync(root + name))) {
    const format = '%{NAME}\\t%{VERSION}-%{RELEASE}\\n';
    const args = [...(root ? ['--root', root] : []), '-qf', '--queryformat', format, path];
    const { status, stdout } = spawnSync('rpm', args, { encoding: 'utf8', timeout: 2000 });
    const [name = '', version = ''] = (stdout ?? '').split('\n')[0]!.split('\t');
    if (status === 0 && name) found(path, { name, version });
  }
}

function readSqlite(file: string, found: Found): void {
  // Loaded only where there is such a database.
  const { DatabaseSync } = createRequire(import.meta.url)('node:sqlite') as typeof import('node:sqlite');
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    for (const { blob } of database.prepare('SELECT blob FROM Packages').iterate() as Iterable<{ blob: Uint8Array }>) {
      const header = parseRpmHeader(Buffer.from(blob));
      const [name = '', version = '', release = ''] = [tags.name, tags.version, tags.release].map((tag) =>
        String(header(tag)[0] ?? ''),
      );
      const directories = header(tags.dirNames);
      const indexes = header(tags.dirIndexes);
      for (const [i, base] of header(tags.baseNames).entries())
        found(`${directories[Number(indexes[i])] ?? ''}${base}`, { name, version: `${version}-${release}` });
    }
  } finally {
    database.close();
  }
}

/** A header blob: counts of index entries and data bytes, the entries (tag, type, offset, count), the data; all big endian. */
export function parseRpmHeader(blob: Buffer): (tag: number) => (string | number)[] {
  const count = blob.readUInt32BE(0);
  const dataAt = 8 + count * 16;
  return (tag) => {
    for (let at = 8; at < dataAt; at += 16) {
      if (blob.readUInt32BE(at) !== tag) continue;
      const [type, offset, values] = [
        blob.readUInt32BE(at + 4),
        dataAt + blob.readUInt32BE(at + 8),
        blob.readUInt32BE(at + 12),
      ];
      // 4: 32-bit numbers; 6 and 8: strings that end with a zero byte.
      if (type === 4) return Array.from({ length: values }, (_, i) => blob.readUInt32BE(offset + 4 * i));
      const strings: string[] = [];
      for (let start = offset; strings.length < values; ) {
        const end = blob.indexOf(0, start);
        strings.push(blob.toString('utf8', start, end));
        start = end + 1;
      }
      return strings;
    }
    return [];
  };
}
