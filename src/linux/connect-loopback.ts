import net from 'node:net';

/** Loopback addresses in the order in which they are tried, as containerd's port-forward does. */
const addresses = ['127.0.0.1', '::1'] as const;

/** Makes a socket in some network namespace; undefined stands for our own. */
export type OpenSocket = ((address: (typeof addresses)[number]) => Promise<number>) | undefined;

/** A TCP connection to a port of localhost in a network namespace. A socket stays in the one that it was made in. */
export async function connectLoopback(port: number, open: OpenSocket): Promise<net.Socket> {
  const errors: unknown[] = [];
  for (const address of addresses) {
    try {
      // Not reading before it is connected, which would be an error.
      const options = open ? { fd: await open(address), manualStart: true } : {};
      return await connected(new net.Socket({ ...options, allowHalfOpen: true }), address, port);
    } catch (error) {
      errors.push(error);
    }
  }
  throw errors[0];
}

function connected(socket: net.Socket, host: string, port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect({ host, port }, () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
  });
}
