import net from 'node:net';
import { dialError, joinHostPort, type ProbeResult } from './probe.ts';

/** Success is that the connection is accepted (pkg/probe/tcp). */
export function probeTcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const address = joinHostPort(host, port);
    const socket = net.connect({ host, port });
    const end = (result: ProbeResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = timeoutMs
      ? setTimeout(() => end({ success: false, output: `dial tcp ${address}: i/o timeout` }), timeoutMs)
      : undefined;
    socket.on('connect', () => end({ success: true, output: '' }));
    socket.on('error', (error) => end({ success: false, output: dialError(error, address) }));
  });
}
