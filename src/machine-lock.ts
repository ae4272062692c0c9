import { once } from 'node:events';
import net from 'node:net';

const retryMs = 5;

/**
 * Does the work while no other process of this machine does the same. The lock is an abstract socket (unix(7)): the kernel
 * gives it back however its holder ends, and it is no file that could be left behind.
 */
export async function withMachineLock<T>(what: string, work: () => Promise<T>): Promise<T> {
  const holder = await acquire(`\0vitrine ${what}`);
  try {
    return await work();
  } finally {
    holder.close();
  }
}

async function acquire(address: string): Promise<net.Server> {
  for (;;) {
    const server = net.createServer((socket) => socket.destroy());
    try {
      await once(server.listen(address), 'listening');
      return server;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}
