import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readOpeners } from '../../src/linux/open-files.ts';

test('who has a file open: by the file, not by a path that is another file elsewhere', async () => {
  const directory = fs.mkdtempSync('/tmp/vitrine-openers-');
  const other = fs.mkdtempSync('/tmp/vitrine-openers-');
  const file = path.join(directory, 'file');
  fs.writeFileSync(file, '');
  const children: ChildProcess[] = [];
  const start = async (program: string, ...args: string[]): Promise<number> => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout!, 'data');
    return child.pid!;
  };
  const open = (name: string) => `exec 5>>${name}; echo ready; exec sleep 1000`;
  try {
    const plain = await start('sh', '-c', open(file));
    const covered = await start('unshare', '-m', 'sh', '-c', `mount -t tmpfs none ${directory}; ${open(file)}`);
    const bound = `mount --bind ${directory} ${other}; ${open(path.join(other, 'file'))}`;
    const elsewhere = await start('unshare', '-m', 'sh', '-c', bound);
    const pids = [plain, covered, elsewhere];
    const openers = readOpeners(pids, file);
    assert.deepEqual(openers, [
      { pid: plain, how: ['fd 5'] },
      { pid: elsewhere, how: [`fd 5 ${path.join(other, 'file')}`] },
    ]);
    const link = path.join(other, 'link');
    fs.symlinkSync('/bin/sleep', link);
    assert.ok(
      readOpeners(pids, link)
        .find(({ pid }) => pid === plain)
        ?.how.includes('executable'),
    );
  } finally {
    for (const child of children) child.kill('SIGKILL');
    for (const name of [directory, other]) fs.rmSync(name, { recursive: true });
  }
});
