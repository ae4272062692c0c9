import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../../src/base/errors.ts';

/** The same from the sources (cli/web/) and from the bundle (dist/build-…/). */
const root = path.join(import.meta.dirname, '../..');

/** The folder of the built page, built first if a source is newer: not part of the program's own bundle, which is made far more often. */
export async function pageFiles(onBuild: () => void): Promise<string> {
  const built = path.join(root, 'dist/web');
  const stamp = path.join(built, '.built');
  if (!fs.existsSync(path.join(root, 'web/index.html'))) {
    if (fs.existsSync(stamp)) return built;
    throw new UserError(`the page is not part of this installation: ${built} is missing`);
  }
  const sources = ['web', 'src/inspect/live-types.ts', 'package-lock.json'].map((name) => path.join(root, name));
  if (fs.existsSync(stamp) && newest(sources) <= fs.statSync(stamp).mtimeMs) return built;
  onBuild();
  const { buildPage } = await import('./build-page.ts');
  await buildPage(root, built);
  return built;
}

function newest(files: string[]): number {
  let time = 0;
  for (const file of files) {
    const stat = fs.statSync(file);
    time = Math.max(time, stat.mtimeMs);
    if (!stat.isDirectory()) continue;
    const inside = fs.readdirSync(file).map((name) => path.join(file, name));
    time = Math.max(time, newest(inside));
  }
  return time;
}
