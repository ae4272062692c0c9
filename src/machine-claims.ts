import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { readSockets } from './linux/proc-sockets.ts';

/** What a cluster that runs, or is about to, has of the machine: seen by all, wherever their state is. */
export interface Claim {
  /** Tells clusters apart, by where their state is. */
  owner: string;
  /** Of what a name leads to in the kernel: links, rules, cgroups. */
  hostLink: string;
  apiPort: number;
  ranges: string[];
}

const prefix = 'vitrine claims';

export function claimant(stateDir: string): string {
  return createHash('sha256').update(stateDir).digest('hex').slice(0, 12);
}

/** Claims for as long as this process lives: the name of an abstract socket (unix(7)) says what, and goes with the process. */
export async function claim({ owner, hostLink, apiPort, ranges }: Claim): Promise<void> {
  const holder = net.createServer((socket) => socket.destroy());
  try {
    await once(holder.listen(`\0${prefix} ${owner} ${hostLink} ${apiPort} ${ranges.join(',')}`), 'listening');
    holder.unref();
  } catch (error) {
    // The same cluster claims the same.
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  }
}

/** Of all clusters of this machine that run; a read of /proc/net/unix. */
export function readClaims(): Claim[] {
  return readSockets('self', ['unix']).flatMap(({ path = '' }) => {
    if (!path.startsWith(`@${prefix} `)) return [];
    const [owner = '', hostLink = '', apiPort, ranges = ''] = path.slice(prefix.length + 2).split(' ');
    return { owner, hostLink, apiPort: Number(apiPort), ranges: ranges.split(',').filter(Boolean) };
  });
}
