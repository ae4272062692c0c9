import fs from 'node:fs';
import { createRequire } from 'node:module';

/** Tags of rpm headers (rpmtag.h). */
const tags = { name: 1000, version: 1001, release: 1002, dirIndexes: 1116, baseNames: 1117, dirNames: 1118 };

const databases = ['/usr/lib/sysimage/rpm/rpmdb.sqlite', '/var/lib/rpm/rpmdb.sqlite'];

/** Calls back for every file of every package of rpm's SQLite database (rpm 4.16 and later); older formats are not read. */
export function readRpmOwners(found: (path: string, info: { name: string; version: string }) => void): void {
  const file = databases.find((path) => fs.existsSync(path));
  if (!file) return;
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
