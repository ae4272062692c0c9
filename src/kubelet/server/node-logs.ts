import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** What the kubelet shows of its node (kubelet.go: http.FileServer(http.Dir("/var/log/"))). */
const logRoot = '/var/log';

/** GET /logs/…: a file, or what is in a folder. A link that leads out of the logs is not followed (CVE-2017-1002101). */
export async function serveNodeLogs(place: string, response: ServerResponse): Promise<void> {
  const root = await realpath(logRoot);
  const file = await realpath(path.join(root, path.posix.normalize(`/${place}`))).catch(() => undefined);
  const found = file !== undefined && (file === root || file.startsWith(`${root}/`)) && (await stat(file));
  if (!found || !(found.isFile() || found.isDirectory()))
    return void response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
  if (found.isFile()) {
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': found.size });
    // Of a log that grows, what is there now.
    if (found.size === 0) return void response.end();
    return pipeline(createReadStream(file, { end: found.size - 1 }), response);
  }
  if (place !== '' && !place.endsWith('/'))
    return void response.writeHead(301, { location: `${path.posix.basename(place)}/` }).end();
  const entries = await readdir(file, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const lines = names.map(
    (name) => `<a href="${encodeURIComponent(name).replaceAll('%2F', '/')}">${escapeHtml(name)}</a>\n`,
  );
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(`<pre>\n${lines.join('')}</pre>\n`);
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character]!);
