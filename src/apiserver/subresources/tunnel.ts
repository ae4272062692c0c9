import { type OutgoingHttpHeaders, validateHeaderValue } from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { badRequest } from '../../api/status-error.ts';
import type { ServerRequest, ServerResponse, Upgrade } from '../http/exchange.ts';
import { type Address, unreachable } from './kubelet-connection.ts';

export interface TunnelTarget extends Address {
  path: string;
  /** TLS options; undefined for plain TCP. */
  tls: tls.ConnectionOptions | undefined;
}

/** Headers that are between the client and us alone, and those with which we say who asks. */
const ownHeaders = /^(authorization|host|cookie|impersonate-.*|x-remote-.*)$/;

/**
 * Hands an upgrade request on and then only bytes, both ways: whatever the two ends speak after it (SPDY, WebSocket),
 * we need not know. The credentials stay here; the other side sees ours, and the `added` headers in place of the
 * client's own of these names.
 */
export async function tunnel(
  request: ServerRequest,
  target: TunnelTarget,
  added: OutgoingHttpHeaders = {},
): Promise<ServerResponse> {
  const { upgrade } = request;
  if (!upgrade) throw badRequest('Upgrade request required');
  const remote = await connect(target);
  remote.write(requestHead(request.method, target, upgrade, added));
  if (upgrade.head.length > 0) remote.write(upgrade.head);
  join(upgrade.socket, remote);
  return { status: 101, headers: {}, body: new Uint8Array(), hijacked: true };
}

function connect(target: TunnelTarget): Promise<Duplex> {
  const { host, port, path } = target;
  return new Promise((resolve, reject) => {
    const socket = target.tls
      ? tls.connect({ host, port, ALPNProtocols: ['http/1.1'], ...target.tls }, () => resolve(socket))
      : net.connect({ host, port }, () => resolve(socket));
    socket.setNoDelay(true);
    socket.once('error', (error) => reject(unreachable(host, port, path, error)));
  });
}

function requestHead(
  method: string,
  { host, port, path }: TunnelTarget,
  { rawHeaders }: Upgrade,
  added: OutgoingHttpHeaders,
): string {
  const lines = [`${method} ${path} HTTP/1.1`];
  if (!('host' in added)) lines.push(`Host: ${host}:${port}`);
  for (const [name, values] of Object.entries(added))
    for (const value of [values ?? []].flat()) {
      // Names of users may contain anything.
      validateHeaderValue(name, String(value));
      lines.push(`${name}: ${value}`);
    }
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const lower = name.toLowerCase();
    if (ownHeaders.test(lower) || lower in added) continue;
    const value = lower === 'sec-websocket-protocol' ? withoutToken(rawHeaders[i + 1]!) : rawHeaders[i + 1]!;
    if (value) lines.push(`${name}: ${value}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Browsers send their token as a subprotocol; it is no one else's business. */
function withoutToken(protocols: string): string {
  const kept = protocols.split(',').map((part) => part.trim());
  return kept.filter((part) => !part.startsWith('base64url.bearer.authorization.k8s.io.')).join(', ');
}

/** Joins two connections until either ends. */
function join(a: Duplex, b: Duplex): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}
