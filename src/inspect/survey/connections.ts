import { formatAddress, type Socket } from '../sockets.ts';
import type { SurveyService } from './describe-services.ts';

/** Who talks to whom, summed up by service and port. */
export interface Connection {
  /** Service id; null for another host. */
  from: string | null;
  to: string | null;
  /** Of the side that accepted: '10.0.0.5:5432'. */
  address: string;
  protocol: 'tcp';
  count: number;
}

/** Established TCP connections: both ends here, or one of them elsewhere. The end that listens accepted. */
export function joinConnections(sockets: Socket[], services: SurveyService[]): Connection[] {
  const serviceOf = new Map<number, string>();
  for (const { id, pids } of services) for (const pid of pids) serviceOf.set(pid, id);
  const service = (socket: Socket | undefined) => serviceOf.get(socket?.processes[0]?.pid ?? -1) ?? null;
  const established = sockets.filter(({ protocol, state }) => protocol === 'tcp' && state === 'ESTAB');
  const byTuple = new Map(established.map((socket) => [tuple(socket), socket]));
  const listening = new Set(
    sockets.filter(({ state }) => state === 'LISTEN').map(({ network, localPort }) => `${network} ${localPort}`),
  );
  const found = new Map<string, Connection>();
  for (const socket of established) {
    const accepted = listening.has(`${socket.network} ${socket.localPort}`);
    const peer = byTuple.get(reversed(socket));
    // Seen from both ends: the connecting one tells.
    if (accepted && peer) continue;
    const [from, to] = accepted ? [service(peer), service(socket)] : [service(socket), service(peer)];
    const address = accepted
      ? formatAddress(socket.localAddress, socket.localPort)
      : formatAddress(socket.remoteAddress, socket.remotePort);
    const key = `${from} ${to} ${address}`;
    const known = found.get(key);
    if (known) known.count++;
    // Both ends hidden: nothing to tell.
    else if (from !== null || to !== null) found.set(key, { from, to, address, protocol: 'tcp', count: 1 });
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

const tuple = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): string =>
  `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;

const reversed = ({ localAddress, localPort, remoteAddress, remotePort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
