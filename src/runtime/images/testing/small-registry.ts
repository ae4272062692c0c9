import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { hostArchitecture } from '../manifest.ts';
import { mediaTypes } from '../media-types.ts';
import { type TarMember, tarEnd, tarHeader, tarPadding } from '../tar-writer.ts';

export interface Content {
  mediaType: string;
  digest: string;
  size: number;
}

export type Member = Partial<TarMember> & { name: string; data?: string };

/** A registry in memory that does what its test tells it: answers late, wrongly, in pieces, or not at all. */
export class SmallRegistry {
  /** Blobs and manifests by digest. */
  readonly content = new Map<string, { data: Buffer; mediaType: string }>();
  /** Digests by 'repository:tag'. */
  readonly tags = new Map<string, string>();
  /** 'GET /v2/app/blobs/sha256:… bytes=10-' of every request, in order. */
  readonly requests: string[] = [];
  /** Answers a request in the registry's place; returns whether it did. */
  intercept: (request: http.IncomingMessage, response: http.ServerResponse) => boolean = () => false;
  readonly #server: http.Server;

  constructor(tls?: { key: string; cert: string }) {
    const handle = (request: http.IncomingMessage, response: http.ServerResponse) => this.#answer(request, response);
    this.#server = tls ? https.createServer(tls, handle) : http.createServer(handle);
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  /** '127.0.0.1:41234' */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  put(data: Buffer, mediaType: string): Content {
    const digest = digestOf(data);
    this.content.set(digest, { data, mediaType });
    return { mediaType, digest, size: data.length };
  }

  putJson(value: unknown, mediaType: string): Content {
    return this.put(Buffer.from(JSON.stringify(value)), mediaType);
  }

  /** Stores an image with these layers and gives it a name; returns its manifest. */
  image(name: string, layers: Member[][], config: Record<string, unknown> = {}): Content {
    const tars = layers.map(tarOf);
    const manifest = this.putJson(
      {
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: this.putJson(
          {
            architecture: hostArchitecture,
            os: 'linux',
            config,
            rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
          },
          mediaTypes.ociConfig,
        ),
        layers: tars.map((tar) => this.put(gzipSync(tar), mediaTypes.ociLayerGzip)),
      },
      mediaTypes.ociManifest,
    );
    this.tags.set(name, manifest.digest);
    return manifest;
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://x');
    this.requests.push(`${request.method} ${pathname} ${request.headers.range ?? ''}`.trim());
    if (this.intercept(request, response)) return;
    const [, repository = '', reference = ''] = /^\/v2\/(.+)\/(?:manifests|blobs)\/([^/]+)$/.exec(pathname) ?? [];
    const digest = reference.includes(':') ? reference : (this.tags.get(`${repository}:${reference}`) ?? '');
    const found = this.content.get(digest);
    if (!found) {
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      return;
    }
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const body = found.data.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-type': found.mediaType,
      'content-length': body.length,
      'docker-content-digest': digest,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

export function tarOf(members: Member[]): Buffer {
  const blocks = members.map(({ data = '', ...member }) => {
    const size = Buffer.byteLength(data);
    const header = tarHeader({ type: 'file', mode: member.type === 'directory' ? 0o755 : 0o644, size, ...member });
    return Buffer.concat([header, Buffer.from(data), tarPadding(size)]);
  });
  return Buffer.concat([...blocks, tarEnd]);
}

export function digestOf(data: Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}
