import { randomBytes } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { constants, gzipSync } from 'node:zlib';
import { type WebSocket, WebSocketServer } from 'ws';
import { UserError } from '../../src/base/errors.ts';
import { errorChain } from '../../src/base/log.ts';
import type { Client } from '../../src/client/client.ts';
import { explainObject } from '../../src/inspect/why/report.ts';
import { isApiRequest, proxyApi } from './api-proxy.ts';
import type { Asset } from './assets.ts';
import { type ApiAccess, execPath, tunnelExec } from './exec-tunnel.ts';
import { checkHost, checkOrigin, Guard, securityHeaders } from './guard.ts';
import type { LiveFeed } from './live-feed.ts';

export interface PageServerOptions {
  /** 0: any free one. */
  port: number;
  client: Client;
  access: ApiAccess;
  feed: LiveFeed;
  assets: Map<string, Asset>;
  onError: (message: string) => void;
}

export interface PageServer {
  port: number;
  /** A URL that lets one browser in, once. */
  newUrl(): string;
  close(): void;
}

/** Serves the page on loopback. Every request passes: 1. Host, 2. Origin, 3. token or cookie, 4. route. */
export async function servePage(options: PageServerOptions): Promise<PageServer> {
  const server = http.createServer();
  const port = await listen(server, options.port);
  const guard = new Guard(port);
  server.on('request', (request, response) => {
    handle(request, response, guard, options).catch((error: unknown) => {
      options.onError(errorChain(error));
      if (response.headersSent) response.destroy();
      else refuse(response, error instanceof UserError ? 400 : 502, errorChain(error));
    });
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1 << 20, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => upgrade(request, socket, head, { ...options, guard, sockets }));
  return {
    port,
    newUrl: () => `http://127.0.0.1:${port}/?token=${guard.newToken()}`,
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: http.Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        new UserError(taken ? `port 127.0.0.1:${port} is taken` : `cannot serve on port ${port}`, { cause: error }),
      );
    });
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  guard: Guard,
  { client, assets }: PageServerOptions,
): Promise<void> {
  const { method = 'GET', headers } = request;
  for (const check of [checkHost(headers.host), checkOrigin(method, headers, false)])
    if (!check.allow) return refuse(response, check.status, check.reason);
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const token = url.searchParams.get('token');
  if (url.pathname === '/' && token !== null) return enter(response, guard, token, guard.knows(headers));
  if (!guard.knows(headers)) return refuse(response, 401, 'open the URL that vitrine web has printed; it works once');
  if (isApiRequest(url.pathname)) return proxyApi(client, request, response);
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, `${method} is not possible here`);
  if (url.pathname === '/why') return sendDiagnosis(response, client, url.searchParams);
  const name = url.pathname === '/' ? '/index.html' : url.pathname;
  const asset = assets.get(name);
  if (!asset) return refuse(response, 404, `there is no ${url.pathname}`);
  sendAsset(request, response, asset);
}

/** What `vitrine why` finds, for the panel: /why?subject=pod/web&namespace=default. */
async function sendDiagnosis(response: ServerResponse, client: Client, query: URLSearchParams): Promise<void> {
  const report = await explainObject(client, query.get('subject') ?? '', query.get('namespace') ?? 'default');
  response.writeHead(200, { ...securityHeaders(), 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(report));
}

/** The token goes out of the address bar, and with it out of the history, at once. */
function enter(response: ServerResponse, guard: Guard, token: string, known: boolean): void {
  const cookie = guard.exchange(token);
  if (cookie || known) {
    response.writeHead(303, { location: '/', ...(cookie && { 'set-cookie': cookie }), 'cache-control': 'no-store' });
    response.end();
  } else refuse(response, 403, 'this URL has been used; press Enter where vitrine web runs for another');
}

/** Stands in the page where a style element is to get its nonce from. */
const noncePlace = '__NONCE__';

function sendAsset(request: IncomingMessage, response: ServerResponse, { body, type, immutable }: Asset): void {
  const nonce = randomBytes(16).toString('base64');
  const isPage = type.startsWith('text/html');
  const content = isPage ? Buffer.from(body.toString().replaceAll(noncePlace, nonce)) : body;
  const zipped = /\bgzip\b/.test(String(request.headers['accept-encoding'])) && content.length > 1024;
  response.writeHead(200, {
    ...securityHeaders(nonce),
    'content-type': type,
    'cache-control': immutable ? 'private, max-age=31536000, immutable' : 'no-store',
    vary: 'accept-encoding',
    ...(zipped && { 'content-encoding': 'gzip' }),
  });
  response.end(zipped ? gzipSync(content, { level: constants.Z_BEST_SPEED }) : content);
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, {
    ...securityHeaders(),
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(`${reason}\n`);
}

interface Upgrade extends PageServerOptions {
  guard: Guard;
  sockets: WebSocketServer;
}

function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, context: Upgrade): void {
  const { headers } = request;
  socket.on('error', () => socket.destroy());
  const refused = [checkHost(headers.host), checkOrigin('GET', headers, true)].find((check) => !check.allow);
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const use = routeOf(url, context);
  if (refused && !refused.allow) end(socket, refused.status);
  else if (!context.guard.knows(headers)) end(socket, 401);
  else if (!use) end(socket, 404);
  else context.sockets.handleUpgrade(request, socket, head, use);
}

function routeOf(url: URL, context: Upgrade): ((page: WebSocket) => void) | undefined {
  if (url.pathname === '/live') return (page) => followLive(page, context);
  const path = url.pathname === '/exec' ? execPath(url.searchParams) : undefined;
  return path === undefined ? undefined : (page) => tunnelExec(page, context.access, path);
}

function end(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

/** A page that does not keep up (a laptop asleep) misses readings rather than filling memory; it then gets the whole. */
const farBehindBytes = 16 << 20;

function followLive(page: WebSocket, { feed, onError }: Upgrade): void {
  let stop: (() => void) | undefined;
  const listener = (message: string) => {
    if (page.bufferedAmount > farBehindBytes) page.close(1013, 'too slow');
    else if (page.readyState === page.OPEN) page.send(message);
  };
  feed.subscribe(listener).then(
    (unsubscribe) => {
      if (page.readyState === page.OPEN) stop = unsubscribe;
      else unsubscribe();
    },
    (error: unknown) => {
      onError(errorChain(error));
      page.close(1011, 'cannot read the host');
    },
  );
  page.on('close', () => stop?.());
  page.on('error', () => page.terminate());
}
