import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { readPackageOwners } from './packages.ts';
import { parseRpmHeader } from './packages-rpm.ts';

/** A header blob with the given entries, as rpm stores it. */
function header(entries: [tag: number, values: string[] | number[]][]): Buffer {
  const data: Buffer[] = [];
  let offset = 0;
  const index = entries.map(([tag, values]) => {
    const numbers = typeof values[0] === 'number';
    const bytes = Buffer.concat(
      values.map((value) => {
        if (typeof value === 'string') return Buffer.from(`${value}\0`);
        const word = Buffer.alloc(4);
        word.writeUInt32BE(value);
        return word;
      }),
    );
    const entry = Buffer.alloc(16);
    entry.writeUInt32BE(tag, 0);
    entry.writeUInt32BE(numbers ? 4 : 8, 4);
    entry.writeUInt32BE(offset, 8);
    entry.writeUInt32BE(values.length, 12);
    data.push(bytes);
    offset += bytes.length;
    return entry;
  });
  const head = Buffer.alloc(8);
  head.writeUInt32BE(entries.length, 0);
  head.writeUInt32BE(offset, 4);
  return Buffer.concat([head, ...index, ...data]);
}

test('rpm headers: names and numbers by tag', () => {
  const read = parseRpmHeader(
    header([
      [1000, ['nginx']],
      [1116, [0, 1]],
      [1117, ['nginx', 'nginx.conf']],
    ]),
  );
  assert.deepEqual(read(1000), ['nginx']);
  assert.deepEqual(read(1116), [0, 1]);
  assert.deepEqual(read(1117), ['nginx', 'nginx.conf']);
  assert.deepEqual(read(1118), []);
});

test('dpkg: the package and version of a program of this host', { skip: !fs.existsSync('/var/lib/dpkg/info') }, () => {
  const owners = readPackageOwners(['/usr/bin/dpkg', '/usr/bin/no-such-program']);
  assert.equal(owners.get('/usr/bin/dpkg')?.name, 'dpkg');
  assert.match(owners.get('/usr/bin/dpkg')?.version ?? '', /^\d/);
  assert.equal(owners.size, 1);
});
