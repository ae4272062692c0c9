import { type IncomingMessage, type ServerResponse as NodeResponse, STATUS_CODES } from 'node:http';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { parseRequestInfo } from '../request-info.ts';
import {
  Cancellation,
  nobody,
  once,
  readBody,
  type ServerHandler,
  type ServerRequest,
  type ServerResponse,
  splitTarget,
} from './exchange.ts';
import type { Peer, PeerReader } from './peer-certificate.ts';
import { sendBody } from './send-body.ts';

/** Serves HTTP/1.1, and the upgrades that only it knows (WebSocket, SPDY). */
export function serveHttp1(server: Server, handle: ServerHandler, peerOf: PeerReader): void {
  server.on('request', (message, response) => {
    answer(message, response, handle, peerOf).catch(() => response.destroy());
  });
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    const request = requestOf(message, peerOf(message.socket as TLSSocket));
    socket.once('close', () => request.cancellation.abort());
    request.upgrade = { socket, head, rawHeaders: message.rawHeaders };
    answerUpgrade(request, socket, handle).catch(() => socket.destroy());
  });
}

async function answer(
  message: IncomingMessage,
  response: NodeResponse,
  handle: ServerHandler,
  peerOf: PeerReader,
): Promise<void> {
  const request = requestOf(message, peerOf(message.socket as TLSSocket));
  response.once('close', () => request.cancellation.abort());
  const { status, headers, body } = await handle(request);
  const fixed = body instanceof Uint8Array;
  // A body that nobody reads to its end must not be taken for the next request.
  if (!message.complete && message.method !== 'GET') headers.connection = 'close';
  response.writeHead(status, fixed ? { ...headers, 'content-length': body.length } : headers);
  if (message.method === 'HEAD') {
    response.end();
    return;
  }
  // Clients wait for the head of a watch before its first event.
  if (!fixed && !Array.isArray(body)) response.flushHeaders();
  await sendBody(response, body, () => response.destroy());
}

/** An upgrade that was refused, or is none, is answered as plain HTTP and closed. */
async function answerUpgrade(request: ServerRequest, socket: Duplex, handle: ServerHandler): Promise<void> {
  const response: ServerResponse = await handle(request);
  if (response.hijacked) return;
  const lines = [`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}`, 'connection: close'];
  for (const [name, value] of Object.entries(response.headers)) lines.push(`${name}: ${value}`);
  if (response.body instanceof Uint8Array) lines.push(`content-length: ${response.body.length}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await sendBody(socket, response.body, () => socket.destroy());
}

function requestOf(message: IncomingMessage, peer: Peer): ServerRequest {
  const method = message.method ?? 'GET';
  const target = message.url ?? '/';
  const { path, query } = splitTarget(target);
  const cancellation = new Cancellation();
  return {
    method,
    target,
    path,
    query,
    headers: message.headers as Record<string, string | undefined>,
    body: once(() => readBody(message)),
    ...peer,
    user: nobody,
    info: parseRequestInfo(method, path, query),
    warnings: new Set(),
    auditAnnotations: new Map(),
    cancellation,
  };
}
