/**
 * Bundles the program into dist/: one entry for commands and processes, one for each worker thread. Commands are
 * chunks of their own, so that starting one loads only what it needs; V8's compile cache does the rest.
 *
 * Usage: node tools/build.ts
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
const dist = path.join(root, 'dist');
const started = new Date();
fs.mkdirSync(dist, { recursive: true });
// Each build has a folder of its own: processes that run from an older one can still load their chunks.
const next = fs.mkdtempSync(path.join(dist, 'build-'));

try {
  await build({
    absWorkingDir: root,
    entryPoints: {
      main: 'cli/main.ts',
      'sqlite-worker': 'src/store/sqlite-worker.ts',
      'linux-worker': 'src/linux/worker.ts',
      'yaml-worker': 'src/apiserver/yaml-worker.ts',
    },
    outdir: next,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    sourcemap: 'linked',
    sourcesContent: false,
    minifySyntax: true,
    chunkNames: 'chunk-[name]-[hash]',
    // koffi finds its prebuilt library beside its own files; Vite is only for building the page.
    external: ['koffi', 'vite'],
    // Its ES modules, which for Node it hides behind CommonJS: a chunk of that has no named exports.
    alias: { yaml: path.join(root, 'node_modules/yaml/browser/index.js') },
    // What /version says as gitCommit.
    define: { 'process.env.VITRINE_COMMIT': JSON.stringify(commitOf(root)) },
    loader: { '.json': 'json' },
    banner: {
      // CommonJS packages in the bundle call require().
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  fs.writeFileSync(path.join(next, '.built'), '');
  // Sources that were saved while the bundle was being made are newer than it.
  fs.utimesSync(path.join(next, '.built'), started, started);
  const link = path.join(dist, `.current-${process.pid}`);
  fs.symlinkSync(path.basename(next), link);
  fs.renameSync(link, path.join(dist, 'current'));
  removeOldBuilds();
} catch (error) {
  fs.rmSync(next, { recursive: true, force: true });
  throw error;
}

/** The commit that is checked out; empty where there is no git. */
function commitOf(directory: string): string {
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: directory, encoding: 'utf8' });
  return stdout?.trim() ?? '';
}

/** Keeps the newest three, and those from which processes run: they hold the folder open (src/main.ts). */
function removeOldBuilds(): void {
  const builds = fs
    .readdirSync(dist)
    .filter((name) => name.startsWith('build-'))
    .map((name) => ({ name, time: fs.statSync(path.join(dist, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time);
  const inUse = openFolders();
  for (const { name } of builds.slice(3)) {
    const folder = path.join(fs.realpathSync(dist), name);
    if (!inUse.has(folder)) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** What the descriptors of this machine's processes point to, as far as we may look. */
function openFolders(): Set<string> {
  const targets = fs
    .globSync('/proc/[0-9]*/fd/*')
    .map((link) => {
      try {
        return fs.readlinkSync(link);
      } catch {
        return '';
      }
    })
    .filter((target) => target.startsWith('/'));
  return new Set(targets);
}
