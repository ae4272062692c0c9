import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest, StatusError } from '../../api/status-error.ts';
import type { StreamSession, TerminalSize } from '../../runtime/runtime.ts';
import type { NodeContext } from '../node-context.ts';
import { type PodRecord, specContainer } from '../pod-record.ts';
import { type Dial, forwardProtocols, serveForward } from './port-forward.ts';
import { type CommandStreams, commandProtocols, serveCommand } from './remote-command.ts';
import { CommandStreamSet, serveSpdyCommand, spdyCommandProtocols } from './spdy/spdy-command.ts';
import { SpdyConnection } from './spdy/spdy-connection.ts';
import { PortForwards, spdyForwardProtocols } from './spdy/spdy-forward.ts';

export interface StreamRequest {
  node: NodeContext;
  record: PodRecord;
  /** 'exec', 'attach' or 'portForward'. */
  verb: string;
  container: string;
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  query: URLSearchParams;
}

/** kubectl's way since 1.31: the SPDY connection of a port-forward as the bytes of a WebSocket (KEP-4006). */
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';

/** Upgrades a request for streams to WebSocket or SPDY and serves it. Rejects before the upgrade when it cannot be served. */
export async function serveStreams(stream: StreamRequest): Promise<void> {
  const upgrade = (stream.request.headers.upgrade ?? '').toLowerCase();
  if (upgrade === 'websocket') return serveWebSocket(stream);
  if (upgrade === 'spdy/3.1') return serveSpdy(stream);
  throw badRequest(`unable to upgrade: unsupported protocol '${upgrade}'`);
}

async function serveWebSocket(stream: StreamRequest): Promise<void> {
  const { request, socket, head, verb, query } = stream;
  if (verb !== 'portForward') {
    const start = session(stream);
    const webSocket = await openWebSocket(request, socket, head, commandProtocols);
    return serveCommand(webSocket, wantedStreams(query), start);
  }
  const dial = dialOf(stream);
  if ((request.headers['sec-websocket-protocol'] ?? '').includes(tunnelProtocol)) {
    const webSocket = await openWebSocket(request, socket, head, [tunnelProtocol]);
    const { createWebSocketStream } = await import('ws');
    forwardOver(createWebSocketStream(webSocket), Buffer.alloc(0), dial);
    return;
  }
  const ports = query.getAll('port').concat(query.getAll('ports')).join(',').split(',').map(Number);
  if (ports.some((port) => !(port > 0 && port < 65_536)))
    throw badRequest(`port forward needs ports between 1 and 65535, not '${query.getAll('port')}'`);
  serveForward(await openWebSocket(request, socket, head, forwardProtocols), ports, dial);
}

async function serveSpdy(stream: StreamRequest): Promise<void> {
  const { request, socket, head, verb, query } = stream;
  const offered = [request.headers['x-stream-protocol-version'] ?? []].flat().join(',').split(',');
  const supported = verb === 'portForward' ? spdyForwardProtocols : spdyCommandProtocols;
  const names = offered.map((name) => name.trim());
  const protocol = supported.find((one) => names.includes(one));
  if (!protocol) {
    const message = `unable to upgrade: unable to negotiate protocol: client supports [${names.join(' ')}], server accepts [${supported.join(' ')}]`;
    throw new StatusError({ code: 403, reason: 'Forbidden', message });
  }
  const start = verb === 'portForward' ? undefined : session(stream);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (!start) {
    forwardOver(socket, head, dialOf(stream));
    return;
  }
  const set = new CommandStreamSet(wantedStreams(query), protocol);
  const connection = new SpdyConnection(socket, head, (one) => set.add(one));
  await serveSpdyCommand(connection, set, protocol, start).catch(() => socket.destroy());
}

/** Connections are made inside the Pod's network namespace. */
function dialOf({ node, record }: StreamRequest): Dial {
  const netns = record.pod.spec.hostNetwork ? undefined : record.sandbox?.namespaces.net;
  if (!netns && !record.pod.spec.hostNetwork)
    throw badRequest(
      `unable to forward port because pod is not running. Current status=${node.status.get(record.pod).phase}`,
    );
  return (port) => node.linux.sockets.connectLoopback(port, netns);
}

function forwardOver(socket: Duplex, head: Buffer, dial: Dial): void {
  const forwards = new PortForwards(dial);
  new SpdyConnection(socket, head, (one) => forwards.add(one));
}

const flag = (query: URLSearchParams, ...names: string[]): boolean =>
  names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''));

/** The API server's names and the kubelet's own older ones. */
function wantedStreams(query: URLSearchParams): CommandStreams {
  const tty = flag(query, 'tty');
  return {
    stdin: flag(query, 'stdin', 'input'),
    stdout: flag(query, 'stdout', 'output'),
    stderr: !tty && flag(query, 'stderr', 'error'),
    tty,
  };
}

function session({
  node,
  record,
  verb,
  container: name,
  query,
}: StreamRequest): (size?: TerminalSize) => Promise<StreamSession> {
  if (!specContainer(record.pod, name))
    throw badRequest(`container ${name} is not valid for pod ${record.pod.metadata.name}`);
  const container = record.current(node.runtime, name);
  if (container?.state !== 'running') throw badRequest(`unable to upgrade connection: container not found ("${name}")`);
  const { stdin, tty } = wantedStreams(query);
  if (verb === 'attach') return () => node.runtime.attach(container.id, { stdin, tty });
  const command = query.getAll('command');
  if (command.length === 0) throw badRequest('you must specify at least 1 command');
  return (size) => node.runtime.execStream(container.id, { command, stdin, tty, ...(size && { size }) });
}

async function openWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, protocols: string[]) {
  // Loaded when first needed: most kubelets never serve an exec.
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 32 << 20,
    handleProtocols: (offered) => protocols.find((one) => offered.has(one)) ?? false,
  });
  return new Promise<import('ws').WebSocket>((resolve) =>
    server.handleUpgrade(request, socket, head, (webSocket) => {
      // A frame that is none: ws closes the connection by itself, and what hangs on it ends with that.
      webSocket.on('error', () => {});
      resolve(webSocket);
    }),
  );
}
