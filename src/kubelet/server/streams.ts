import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest } from '../../api/status-error.ts';
import type { StreamSession } from '../../runtime/runtime.ts';
import type { NodeContext } from '../node-context.ts';
import { type PodRecord, specContainer } from '../pod-record.ts';
import { forwardProtocols, serveForward } from './port-forward.ts';
import { type CommandStreams, commandProtocols, serveCommand } from './remote-command.ts';

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

/** Upgrades a request for streams to a WebSocket and serves it. Rejects before the upgrade when it cannot be served. */
export async function serveStreams(stream: StreamRequest): Promise<void> {
  const { request, socket, head, verb, node, record, query } = stream;
  if ((request.headers.upgrade ?? '').toLowerCase() !== 'websocket')
    throw badRequest(`unable to upgrade: unsupported protocol ${request.headers.upgrade}`);
  if (verb === 'portForward') {
    const ports = query
      .getAll('port')
      .concat(query.getAll('ports'))
      .flatMap((text) => text.split(','))
      .map(Number);
    if (ports.length === 0 || ports.some((port) => !(port > 0 && port < 65_536)))
      throw badRequest(`port forward needs ports between 1 and 65535, not '${query.getAll('port')}'`);
    const webSocket = await upgrade(request, socket, head, forwardProtocols);
    return serveForward(webSocket, ports, record.podIPs[0] ?? node.nodeAddress);
  }
  const start = session(stream);
  const webSocket = await upgrade(request, socket, head, commandProtocols);
  await serveCommand(webSocket, wantedStreams(query), start);
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

function session({ node, record, verb, container: name, query }: StreamRequest): () => Promise<StreamSession> {
  if (!specContainer(record.pod, name))
    throw badRequest(`container ${name} is not valid for pod ${record.pod.metadata.name}`);
  const container = record.current(node.runtime, name);
  if (container?.state !== 'running') throw badRequest(`unable to upgrade connection: container not found ("${name}")`);
  const { stdin, tty } = wantedStreams(query);
  if (verb === 'attach') return () => node.runtime.attach(container.id, { stdin, tty });
  const command = query.getAll('command');
  if (command.length === 0) throw badRequest('you must specify at least 1 command');
  return () => node.runtime.execStream(container.id, { command, stdin, tty });
}

async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, protocols: string[]) {
  // Loaded when first needed: most kubelets never serve an exec.
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 32 << 20,
    handleProtocols: (offered) => protocols.find((one) => offered.has(one)) ?? false,
  });
  return new Promise<import('ws').WebSocket>((resolve) => server.handleUpgrade(request, socket, head, resolve));
}
