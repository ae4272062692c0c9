import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** The reference registry (CNCF distribution, Debian's docker-registry) on loopback, with storage of its own. */
export interface RegistryServer {
  /** '127.0.0.1:41234' */
  address: string;
  /** Uploads an image of an OCI layout, as the distribution spec has it, section 'Push'. */
  push(layout: string, manifestDigest: string, name: string, tag: string): Promise<void>;
  /** The file in which it keeps a blob. */
  blobFile(digest: string): string;
  stop(): Promise<void>;
}

export const hasRegistry = spawnSync('docker-registry', ['--version']).status === 0;

/** The login that a registry with `auth` accepts. */
export const login = { username: 'me', password: 'secret' };
/** bcrypt of 'secret', the only hash that the registry takes. */
const htpasswd = 'me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';

export async function startRegistry(options: { auth?: boolean } = {}): Promise<RegistryServer> {
  const dir = mkdtempSync(path.join(tmpdir(), 'registry-'));
  writeFileSync(path.join(dir, 'htpasswd'), htpasswd);
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: path.join(dir, 'data') } },
    http: { addr: '127.0.0.1:0' },
    ...(options.auth && { auth: { htpasswd: { realm: 'test', path: path.join(dir, 'htpasswd') } } }),
  };
  writeFileSync(path.join(dir, 'config.yml'), JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', path.join(dir, 'config.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: 'none' },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const address = await new Promise<string>((resolve, reject) => {
    ended.then(() => reject(new Error('docker-registry ended')));
    createInterface(child.stderr).on('line', (line) => {
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
  });
  const headers: Record<string, string> = options.auth
    ? { authorization: `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}` }
    : {};
  return {
    address,
    push: (layout, digest, name, tag) => push(`http://${address}/v2/${name}`, headers, layout, digest, tag),
    blobFile: (digest) => {
      const hex = digest.slice('sha256:'.length);
      return path.join(dir, 'data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    },
    stop: async () => {
      child.kill();
      await ended;
      rmSync(dir, { recursive: true });
    },
  };
}

async function push(
  base: string,
  headers: Record<string, string>,
  layout: string,
  manifestDigest: string,
  tag: string,
): Promise<void> {
  const read = (digest: string) => readFileSync(path.join(layout, 'blobs/sha256', digest.slice('sha256:'.length)));
  const manifest = read(manifestDigest);
  const { mediaType, config, layers } = JSON.parse(manifest.toString());
  for (const { digest } of [config, ...layers]) {
    const begun = await expectStatus(202, fetch(`${base}/blobs/uploads/`, { method: 'POST', headers }));
    const upload = new URL(begun.headers.get('location') as string, base);
    upload.searchParams.set('digest', digest);
    const type = { 'content-type': 'application/octet-stream' };
    await expectStatus(201, fetch(upload, { method: 'PUT', headers: { ...headers, ...type }, body: read(digest) }));
  }
  const type = { 'content-type': mediaType };
  const url = `${base}/manifests/${tag}`;
  await expectStatus(201, fetch(url, { method: 'PUT', headers: { ...headers, ...type }, body: manifest }));
}

async function expectStatus(status: number, answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  if (response.status !== status) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
  return response;
}
