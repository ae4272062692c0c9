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

test('extended attributes, file capabilities, devices and FIFOs arrive; what names things of the host does not', {
  skip: !isRoot,
}, async () => {
  // cap_net_bind_service=ep (capability.h, VFS_CAP_REVISION_2): bytes that are no UTF-8.
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  const xattrs = new Map<string, Uint8Array>([
    ['security.capability', capability],
    ['trusted.overlay.redirect', Buffer.from('/etc')],
    ['security.selinux', Buffer.from('system_u:object_r:etc_t:s0')],
  ]);
  await unpack([
    { name: 'tool', data: 'x', mode: 0o755, uid: 1000, gid: 1000, xattrs },
    { name: 'null', type: 'char', mode: 0o666, major: 1, minor: 3 },
    { name: 'pipe', type: 'fifo', mode: 0o600 },
  ]);
  const tool = path.join(root, 'tool');
  assert.deepEqual(getAttribute(tool, 'security.capability'), capability);
  assert.equal(getAttribute(tool, 'trusted.overlay.redirect'), undefined);
  assert.equal(
    getAttribute(tool, 'security.selinux')?.toString().startsWith('system_u:object_r:etc_t') ?? false,
    false,
  );
  const device = lstatSync(path.join(root, 'null'));
  assert.ok(device.isCharacterDevice() && device.rdev === 0x103 && (device.mode & 0o777) === 0o666);
  assert.ok(lstatSync(path.join(root, 'pipe')).isFIFO());
});

test('a directory that a whiteout of the same layer precedes hides what is below', { skip: !isRoot }, async () => {
  await unpack([{ name: '.wh.d' }, { name: 'd/', type: 'directory' }, { name: 'd/new', data: 'x' }]);
  assert.equal(getAttribute(path.join(root, 'd'), 'trusted.overlay.opaque')?.toString(), 'y');
  assert.equal(readFileSync(path.join(root, 'd/new'), 'utf8'), 'x');
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
  [
    'a hard link through a symbolic link to the host',
    [
      { name: 'link', type: 'symlink', linkName: '/etc' },
      { name: 'x', type: 'link', linkName: 'link/passwd' },
    ],
    /no file of the layer/,
  ],
  [
    'a device that overlayfs takes for a whiteout',
    [{ name: 'x', type: 'char', major: 0, minor: 0 }],
    /whiteout device/,
  ],
  ['a whiteout of ..', [{ name: 'd/.wh...', data: '' }], /invalid whiteout/],
];
for (const [sentence, members, message] of refused) {
  test(`refused: ${sentence}`, () => assert.rejects(unpack(members), message));
}

test('refused: more bytes than the limit, however small the archive', async () => {
  const bomb = gzipSync(archive([{ name: 'zeros', data: '\0'.repeat(4 << 20) }]));
  await assert.rejects(unpackLayer(once(bomb), root, { maxBytes: 1 << 20 }), /larger than the 1048576 bytes/);
});

test('refused: more members than the limit', async () => {
  const many = archive(Array.from({ length: 20 }, (_, index) => ({ name: `f${index}` })));
  await assert.rejects(unpackLayer(once(many), root, { maxEntries: 10 }), /more than the 10 members/);
});

test('refused: a damaged header and an archive that is cut short', async () => {
  const damaged = archive([{ name: 'f', data: 'x' }]);
  damaged[0] = 0x67;
  await assert.rejects(unpackLayer(once(damaged), root), /checksum/);
  const cut = archive([{ name: 'f', data: 'x'.repeat(2000) }]).subarray(0, 1024);
  await assert.rejects(unpackLayer(once(cut), root), /unexpected end/);
});
