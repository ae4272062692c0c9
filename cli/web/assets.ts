import fs from 'node:fs';
import path from 'node:path';

export interface Asset {
  body: Buffer;
  type: string;
  /** Whether its name tells its content: then it never changes. */
  immutable: boolean;
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** The built page, read once: a request can name only what is there. */
export function readAssets(directory: string): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const entry of fs.readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const type = types[path.extname(entry.name)];
    if (!entry.isFile() || !type) continue;
    const file = path.join(entry.parentPath, entry.name);
    const name = `/${path.relative(directory, file).split(path.sep).join('/')}`;
    assets.set(name, { body: fs.readFileSync(file), type, immutable: name.startsWith('/assets/') });
  }
  return assets;
}
