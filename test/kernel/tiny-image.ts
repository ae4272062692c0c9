import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { elfNeeded } from '../../src/runtime/images/elf-needed.ts';
import { FileTree } from '../../src/runtime/images/file-tree.ts';
import { tarEnd, tarHeader, tarPadding } from '../../src/runtime/images/tar-writer.ts';

const programs = ['sh', 'sleep', 'cat', 'id', 'stty', 'ls', 'head', 'env', 'touch', 'kill', 'ps', 'tail', 'true'];
const libraryDirectories = ['/lib/x86_64-linux-gnu', '/lib/aarch64-linux-gnu', '/usr/lib', '/lib64', '/lib'];

/** Writes a docker-archive with one image, 'tiny:latest', made from a few programs of this host and their libraries. */
export async function writeTinyImage(file: string, config: Record<string, unknown> = {}): Promise<void> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'tiny-image-'));
  const tree = new FileTree(path.join(scratch, 'content'));
  try {
    for (const name of programs) addProgram(tree, hostProgram(name), `usr/bin/${name}`);
    tree.addFile('etc/passwd', 'root:x:0:0::/root:/bin/sh\nweb:x:1001:1002::/:/bin/sh\n');
    tree.addFile('etc/group', 'root:x:0:\nweb:x:1002:\nextra:x:1003:web\n');
    tree.addDirectory('tmp', 0o1777);
    const chunks: Buffer[] = [];
    for await (const chunk of tree.toTar()) chunks.push(Buffer.from(chunk));
    const layer = Buffer.concat(chunks);
    const image = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Cmd: ['sh'], Env: ['PATH=/usr/bin:/bin', 'FROM=image'], ...config },
      rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`] },
    };
    const manifest = [{ Config: 'config.json', RepoTags: ['tiny:latest'], Layers: ['layer.tar'] }];
    writeFileSync(
      file,
      Buffer.concat([
        ...member('manifest.json', Buffer.from(JSON.stringify(manifest))),
        ...member('config.json', Buffer.from(JSON.stringify(image))),
        ...member('layer.tar', layer),
        tarEnd,
      ]),
    );
  } finally {
    tree.close();
    rmSync(scratch, { recursive: true });
  }
}

function member(name: string, data: Buffer): Buffer[] {
  return [tarHeader({ name, type: 'file', mode: 0o644, size: data.length }), data, tarPadding(data.length)];
}

function addProgram(tree: FileTree, source: string, target: string): void {
  if (tree.nodes.has(target)) return;
  const data = readFileSync(source);
  tree.addFile(target, data, 0o755);
  const needs = elfNeeded(data);
  if (needs?.interpreter)
    addProgram(tree, realpathSync(needs.interpreter), needs.interpreter.replace(/^\/(usr\/)?/, 'usr/'));
  for (const library of needs?.libraries ?? []) {
    const directory = libraryDirectories.find((dir) => exists(path.join(dir, library)));
    if (!directory) throw new Error(`${library} not found`);
    addProgram(tree, path.join(directory, library), `${directory.replace(/^\/(usr\/)?/, 'usr/')}/${library}`);
  }
}

function hostProgram(name: string): string {
  return realpathSync(['/usr/bin', '/bin'].map((dir) => path.join(dir, name)).find(exists) ?? name);
}

function exists(file: string): boolean {
  try {
    return realpathSync(file) !== '';
  } catch {
    return false;
  }
}
