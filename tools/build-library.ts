/**
 * Builds what programs import from the package (package.json, exports) into dist/library, and its types into dist/types.
 *
 * Usage: node tools/build-library.ts; `npm pack` runs it.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
for (const name of ['library', 'types']) fs.rmSync(path.join(root, 'dist', name), { recursive: true, force: true });

await build({
  absWorkingDir: root,
  entryPoints: {
    snapshot: 'src/inspect/snapshot.ts',
    sockets: 'src/inspect/sockets.ts',
    look: 'src/inspect/look/look.ts',
    survey: 'src/inspect/survey/survey.ts',
    why: 'src/inspect/why/report.ts',
    client: 'src/client/connect.ts',
  },
  outdir: 'dist/library',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  // Installed with the package.
  packages: 'external',
  logLevel: 'warning',
});

const tsc = path.join(root, 'node_modules/.bin/tsc');
const { status } = spawnSync(tsc, ['-p', 'tsconfig.library.json'], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
