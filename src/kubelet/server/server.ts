import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { badRequest, StatusError } from '../../api/status-error.ts';
import { errorChain } from '../../base/log.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodWorkers } from '../pod-workers.ts';
import { kubeletAuthentication } from './authentication.ts';
import { kubeletAuthorization } from './authorization.ts';
import { findPod, KubeletRoutes, partsOf } from './routes.ts';
import { serveStreams } from './streams.ts';

export interface ServerTls {
  /** PEM. */
  key: string;
  cert: string;
  /** CA of client certificates; who has none of its needs a token. */
  clientCa: string;
}

export interface KubeletServer {
  readonly port: number;
  listen(address: string, port: number): Promise<void>;
  close(): Promise<void>;
}

interface Parts {
  node: NodeContext;
  workers: PodWorkers;
  tls: ServerTls;
}

/**
 * The kubelet's own API: logs, exec, attach, port-forward, figures (kubelet server/server.go). Every request is
 * authenticated and authorized, as whoever asks may be anybody on the network.
 */
export function createKubeletServer(parts: Parts): KubeletServer {
  return new HttpsServer(parts);
}

class HttpsServer implements KubeletServer {
  readonly #parts: Parts;
  readonly #server: https.Server;
  readonly #routes: KubeletRoutes;
  readonly #authenticate: ReturnType<typeof kubeletAuthentication>;
  readonly #authorize: ReturnType<typeof kubeletAuthorization>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#routes = new KubeletRoutes(parts.node, parts.workers, () => this.port);
    this.#authenticate = kubeletAuthentication(parts.node);
    this.#authorize = kubeletAuthorization(parts.node);
    const { key, cert, clientCa } = parts.tls;
    this.#server = https.createServer({
      key,
      cert,
      ca: clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      noDelay: true,
    });
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    // A log may be followed for days.
    this.#server.requestTimeout = 0;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  async listen(address: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, address, () => {
        this.#server.removeListener('error', reject);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = await this.#admit(request);
      await this.#routes.serve(url, request, response);
    } catch (error) {
      this.#parts.node.log.debug('kubelet request failed', { url: request.url, error });
      if (response.headersSent) return void response.end();
      const [code, text] = refusal(error);
      response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => {});
    try {
      const { pathname, searchParams: query } = await this.#admit(request);
      const [verb = '', namespace, name, ...rest] = partsOf(pathname);
      const record = findPod(this.#parts.workers, namespace, name);
      // With four parts the third is the Pod's uid (kubelet server.go: /exec/{podNamespace}/{podID}/{uid}/{containerName}).
      const container = rest.at(-1) ?? '';
      await serveStreams({ node: this.#parts.node, ...{ record, verb, container, request, socket, head, query } });
    } catch (error) {
      const [code, text] = refusal(error);
      const body = `${text}\n`;
      socket.end(
        `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Error'}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  }

  /** The URL of a request that may be served. */
  async #admit(request: IncomingMessage): Promise<URL> {
    const url = urlOf(request);
    const user = await this.#authenticate(request);
    await this.#authorize(user, request.method ?? 'GET', url.pathname);
    return url;
  }
}

function urlOf({ url = '/' }: IncomingMessage): URL {
  const parsed = URL.parse(`https://kubelet${url.startsWith('/') ? url : `/${url}`}`);
  if (!parsed) throw badRequest(`invalid URL ${JSON.stringify(url)}`);
  return parsed;
}

function refusal(error: unknown): [code: number, text: string] {
  return error instanceof StatusError ? [error.code, error.message] : [500, errorChain(error)];
}
