import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
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

/** Files of another system's root. */
function rootWith(files: Record<string, string>): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'vitrine-root-'));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(root + name), { recursive: true });
    fs.writeFileSync(root + name, text);
  }
  return root;
}

/** As apk-package(5) and the databases of dpkg and pacman have them. */
const databases: [what: string, files: Record<string, string>, path: string, name: string, version: string][] = [
  [
    'apk, before and after its move to /usr',
    { '/lib/apk/db/installed': 'P:musl\nV:1.2.5-r9\nF:lib\nR:ld.so\n\nP:nginx\nV:1.26.2-r4\nF:usr/sbin\nR:nginx\n\n' },
    '/usr/sbin/nginx',
    'nginx',
    '1.26.2-r4',
  ],
  [
    'apk 3',
    { '/usr/lib/apk/db/installed': 'P:valkey\nV:8.0.1-r0\nF:usr/bin\nR:valkey-server\n\n' },
    '/usr/bin/valkey-server',
    'valkey',
    '8.0.1-r0',
  ],
  [
    'dpkg with several architectures and a merged /usr',
    {
      '/var/lib/dpkg/info/tool:amd64.list': '/.\n/bin\n/bin/tool\n',
      '/var/lib/dpkg/status': 'Package: tool\nStatus: install ok installed\nVersion: 1:2-3\n\n',
    },
    '/usr/bin/tool',
    'tool',
    '1:2-3',
  ],
  [
    'pacman',
    { '/var/lib/pacman/local/my-tool-1:2.0-3/files': '%FILES%\nusr/\nusr/bin/\nusr/bin/my-tool\n\n' },
    '/usr/bin/my-tool',
    'my-tool',
    '1:2.0-3',
  ],
];

for (const [what, files, file, name, version] of databases)
  test(`${what}: the owner of a file of another root`, () => {
    const root = rootWith(files);
    try {
      const owners = readPackageOwners([file, '/usr/bin/nobodys'], root);
      assert.deepEqual([...owners], [[file, { name, version }]]);
    } finally {
      fs.rmSync(root, { recursive: true });
    }
  });

test('rpm: its old databases are asked by rpm itself, with the root', () => {
  const root = rootWith({ '/var/lib/rpm/Packages': 'Berkeley DB', '/usr/sbin/httpd': '' });
  const programs = rootWith({
    '/rpm':
      '#!/bin/sh\n[ "$*" = "--root $ROOT -qf --queryformat %{NAME}\\t%{VERSION}-%{RELEASE}\\n /usr/sbin/httpd" ] && printf "httpd\\t2.4.6-99.el7\\n"\n',
  });
  fs.chmodSync(`${programs}/rpm`, 0o755);
  const { PATH } = process.env;
  Object.assign(process.env, { PATH: `${programs}:${PATH}`, ROOT: root });
  try {
    const owners = readPackageOwners(['/usr/sbin/httpd', '/usr/sbin/nobodys'], root);
    assert.deepEqual([...owners], [['/usr/sbin/httpd', { name: 'httpd', version: '2.4.6-99.el7' }]]);
  } finally {
    Object.assign(process.env, { PATH });
    delete process.env.ROOT;
    for (const directory of [root, programs]) fs.rmSync(directory, { recursive: true });
  }
});
