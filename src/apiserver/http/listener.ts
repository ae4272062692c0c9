import https, { type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { closing } from './close-server.ts';
import type { ServerHandler } from './exchange.ts';
import { type Http2Connection, idleMs } from './h2/connection.ts';
import { serveHttp1 } from './http1.ts';
import { serveHttp2 } from './http2.ts';
import { peerReader } from './peer-certificate.ts';

export interface ListenAddress {
  host: string;
  port: number;
  /** Other servers may listen there, too: the kernel gives each connection to one of them (SO_REUSEPORT). @default false */
  shared?: boolean;
}

export interface ServerTls {
  key: string;
  cert: string;
  clientCa: string;
  frontProxyCa?: string;
}

export interface Listener {
  host: string;
  port: number;
  /** Stops accepting, and waits for what is under way as long as `busy`. */
  close(busy: () => boolean): Promise<void>;
}

/** How often connections are looked at that do not get on, or that nobody uses. */
const lookMs = 5000;

/** Serves HTTP/2 to who asks for it in the handshake, and HTTP/1.1 to all others. */
export async function openListener(address: ListenAddress, tls: ServerTls, handle: ServerHandler): Promise<Listener> {
  const server = https.createServer({
    key: tls.key,
    cert: tls.cert,
    ca: tls.frontProxyCa ? [tls.clientCa, tls.frontProxyCa] : tls.clientCa,
    requestCert: true,
    // An unknown certificate is answered with 401, which says more than a broken handshake.
    rejectUnauthorized: false,
    ALPNProtocols: ['h2', 'http/1.1'],
    // Streams are small packets both ways: with Nagle's algorithm each would wait for an acknowledgement, up to 40 ms.
    noDelay: true,
    minVersion: 'TLSv1.2',
    keepAliveTimeout: idleMs,
  });
  const peerOf = peerReader(tls.frontProxyCa);
  serveHttp1(server, handle, peerOf);
  const connections = new Set<Http2Connection>();
  divert(server, (socket) => {
    const connection = serveHttp2(socket, handle, peerOf(socket));
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  const close = closing(server, connections);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: address.port, host: address.host, reusePort: address.shared ?? false }, resolve);
  });
  const looking = setInterval(() => {
    for (const connection of connections) connection.look();
  }, lookMs).unref();
  server.once('close', () => clearInterval(looking));
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : address.port;
  return { host: address.host, port, close };
}

/** Gives the connections that are to be HTTP/2 to `serve`; node:https has a listener for the others. */
function divert(server: Server, serve: (socket: TLSSocket) => void): void {
  const others = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket) => {
    if (socket.alpnProtocol === 'h2') serve(socket);
    else for (const other of others) other.call(server, socket);
  });
}
