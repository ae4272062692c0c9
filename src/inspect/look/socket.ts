import { describeLocal, formatAddress, isAnyAddress, isListening, type Socket } from '../sockets.ts';
import { above } from './above.ts';
import type { Look, LookContext } from './look.ts';
import { group, processNode } from './process.ts';

/** A socket: who holds it and which Service leads to it; of a listening one also its connections. */
export function lookAtSocket(socket: Socket, context: LookContext): Look {
  const { snapshot } = context;
  const holder = socket.processes[0];
  const listening = isListening(socket);
  const peers = listening
    ? context
        .sockets()
        .filter(
          (other) =>
            other.network === socket.network &&
            other.protocol === socket.protocol &&
            socket.protocol !== 'unix' &&
            other.localPort === socket.localPort &&
            (isAnyAddress(socket.localAddress) || other.localAddress === socket.localAddress) &&
            other.remotePort > 0,
        )
    : [];
  return {
    type: 'socket',
    title: `${socket.protocol} socket ${describeLocal(socket)} ${socket.state}`,
    above: holder ? above(holder, snapshot) : [],
    facts: [
      {
        name: 'network',
        value: `namespace ${socket.network}${snapshot.namespaces.get(socket.network)?.host ? ' (host)' : ''}`,
      },
      ...(socket.remotePort > 0
        ? [{ name: 'peer', value: formatAddress(socket.remoteAddress, socket.remotePort) }]
        : []),
      ...(socket.queued !== undefined ? [{ name: 'not accepted yet', value: String(socket.queued) }] : []),
      { name: 'inode', value: String(socket.inode) },
      ...(holder ? [] : [{ name: 'held by', value: 'no process that we may see' }]),
    ],
    below: [
      ...socket.processes.map((process) => ({ ...processNode(process), children: [] })),
      ...group(
        'connection',
        peers.map((peer) => ({
          type: 'socket',
          text: `${peer.state} from ${formatAddress(peer.remoteAddress, peer.remotePort)}`,
          children: [],
        })),
      ),
    ],
  };
}
