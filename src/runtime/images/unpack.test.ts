import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { getAttribute } from '../../linux/files.ts';
import { type TarMember, tarEnd, tarHeader, tarPadding } from './tar-writer.ts';
import { unpackLayer } from './unpack.ts';

type Member = Partial<TarMember> & { name: string; data?: string };

let dir: string;
let root: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'unpack-'));
  root = path.join(dir, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(dir, { recursive: true }));

function archive(members: Member[]): Buffer {
  const blocks = members.map(({ data = '', ...member }) => {
    const size = Buffer.byteLength(data);
    const header = tarHeader({ type: 'file', mode: member.type === 'directory' ? 0o755 : 0o644, size, ...member });
    return Buffer.concat([header, Buffer.from(data), tarPadding(size)]);
  });
  return Buffer.concat([...blocks, tarEnd]);
}

async function* once(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}

const unpack = (members: Member[]) => unpackLayer(once(archive(members)), root);
const isRoot = process.getuid?.() === 0;

test('files, directories, links, modes and times arrive; the diff id does not depend on the compression', async () => {
  const plain = archive([
    { name: 'd/', type: 'directory', mode: 0o700, mtime: 1000 },
    { name: 'd/f', data: 'hello', mode: 0o4755, mtime: 2000 },
    { name: 'hard', type: 'link', linkName: 'd/f' },
    { name: 'soft', type: 'symlink', linkName: '/d/f', mode: 0o777 },
    { name: `long/${'x'.repeat(150)}`, data: 'long name' },
  ]);
  const { diffId } = await unpackLayer(once(plain), root);
  assert.equal(readFileSync(path.join(root, 'hard'), 'utf8'), 'hello');
  assert.equal(statSync(path.join(root, 'd/f')).mode & 0o7777, 0o4755);
  assert.equal(statSync(path.join(root, 'd/f')).nlink, 2);
  assert.equal(statSync(path.join(root, 'd')).mtimeMs, 1_000_000);
  assert.ok(existsSync(path.join(root, 'long', 'x'.repeat(150))));
  for (const [name, packed] of [
    ['gzip', gzipSync(plain)],
    ['zstd', zstdCompressSync(plain)],
  ] as const) {
    mkdirSync(path.join(dir, name));
    assert.equal((await unpackLayer(once(packed), path.join(dir, name))).diffId, diffId, name);
  }
});

test('whiteouts become what overlayfs understands', { skip: !isRoot }, async () => {
  await unpack([{ name: 'a/.wh.gone' }, { name: 'b/.wh..wh..opq' }, { name: 'c', data: 'stays' }, { name: '.wh.c' }]);
  const gone = lstatSync(path.join(root, 'a/gone'));
  assert.ok(gone.isCharacterDevice());
  assert.equal(gone.rdev, 0);
  assert.equal(getAttribute(path.join(root, 'b'), 'trusted.overlay.opaque')?.toString(), 'y');
  assert.equal(readFileSync(path.join(root, 'c'), 'utf8'), 'stays');
});

test('an absolute symbolic link resolves inside the root', async () => {
  mkdirSync(path.join(dir, 'outside'));
  await unpack([
    { name: 'link', type: 'symlink', linkName: path.join(dir, 'outside') },
    { name: 'link/file', data: 'inside' },
  ]);
  assert.equal(existsSync(path.join(dir, 'outside/file')), false);
  assert.equal(readFileSync(path.join(root, dir, 'outside/file'), 'utf8'), 'inside');
});

test('an existing file is replaced, never written through a link', async () => {
  await unpack([
    { name: 'target', data: 'old' },
    { name: 'x', type: 'symlink', linkName: 'target' },
    { name: 'x', data: 'new' },
  ]);
  assert.equal(readFileSync(path.join(root, 'target'), 'utf8'), 'old');
  assert.equal(readFileSync(path.join(root, 'x'), 'utf8'), 'new');
});

const refused: [sentence: string, members: Member[], message: RegExp][] = [
  ['a name with ..', [{ name: '../evil', data: 'x' }], /leaves the root/],
  ['a hard link with ..', [{ name: 'x', type: 'link', linkName: '../../etc/passwd' }], /leaves the root/],
  ['a hard link to a file of the host', [{ name: 'x', type: 'link', linkName: '/etc/passwd' }], /no file of the layer/],
  [
    'a path through a file',
    [
      { name: 'f', data: 'x' },
      { name: 'f/g', data: 'x' },
    ],
    /is no directory/,
  ],
  [
    'a loop of links',
    [
      { name: 'l', type: 'symlink', linkName: 'l' },
      { name: 'l/x', data: '' },
    ],
    /too many symbolic/,
  ],
  ['a whiteout of ..', [{ name: 'd/.wh...', data: '' }], /invalid whiteout/],
];
for (const [sentence, members, message] of refused) {
  test(`refused: ${sentence}`, () => assert.rejects(unpack(members), message));
}

test('refused: more bytes than the limit, however small the archive', async () => {
  const bomb = gzipSync(archive([{ name: 'zeros', data: '\0'.repeat(4 << 20) }]));
  await assert.rejects(unpackLayer(once(bomb), root, { maxBytes: 1 << 20 }), /larger than 1048576 bytes/);
});

test('refused: a damaged header and an archive that is cut short', async () => {
  const damaged = archive([{ name: 'f', data: 'x' }]);
  damaged[0] = 0x67;
  await assert.rejects(unpackLayer(once(damaged), root), /checksum/);
  const cut = archive([{ name: 'f', data: 'x'.repeat(2000) }]).subarray(0, 1024);
  await assert.rejects(unpackLayer(once(cut), root), /unexpected end/);
});
