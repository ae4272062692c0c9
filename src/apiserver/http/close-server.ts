import type { Server } from 'node:https';
import type { Http2Connection } from './h2/connection.ts';

/** Requests get this long to finish when the server stops; what streams is cut once nothing else is under way. */
const drainMs = 10_000;
/** Answers get this long to leave. */
const graceMs = 500;
const lookMs = 20;

/**
 * Follows the connections of a server, for its end: the function that is returned stops accepting, tells HTTP/2 clients
 * to go, waits until nothing is `busy`, and cuts what is left: clients that linger, and streams that never end.
 */
export function closing(server: Server, http2: ReadonlySet<Http2Connection>): (busy: () => boolean) => Promise<void> {
  const sockets = new Set<{ destroy(): void; once(event: 'close', fn: () => void): unknown }>();
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return (busy) =>
    new Promise((resolve) => {
      const began = performance.now();
      let idleSince: number | undefined;
      const look = setInterval(() => {
        const now = performance.now();
        idleSince = busy() ? undefined : (idleSince ?? now);
        if (now - (idleSince ?? now) < graceMs && now - began < drainMs) return;
        for (const socket of sockets) socket.destroy();
      }, lookMs);
      server.close(() => {
        clearInterval(look);
        resolve();
      });
      for (const connection of http2) connection.close();
    });
}
