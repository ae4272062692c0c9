import fs from 'node:fs';
import path from 'node:path';
import { build } from 'vite';

/** Builds web/ with Vite into a folder of its own and puts it in place at once. */
export async function buildPage(root: string, target: string): Promise<void> {
  const started = new Date();
  const next = `${target}.${process.pid}`;
  await build({
    root: path.join(root, 'web'),
    configFile: false,
    logLevel: 'error',
    cacheDir: path.join(root, 'dist/.vite'),
    build: {
      outDir: next,
      emptyOutDir: true,
      target: 'es2022',
      // Data URLs of scripts would need a hole in the content security policy.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  });
  fs.writeFileSync(path.join(next, '.built'), '');
  // Sources that were saved meanwhile are newer than it.
  fs.utimesSync(path.join(next, '.built'), started, started);
  fs.rmSync(target, { recursive: true, force: true });
  fs.renameSync(next, target);
}
