import { type DaemonStart, startDaemon } from './daemon.ts';
import { insideNamespace } from './enter-namespace.ts';

/**
 * Starts a program as `startDaemon` does, in the network and UTS namespaces that are pinned at these files: it is born
 * there, with all its threads, and need not know. Synchronous, as this thread is there meanwhile.
 */
export function startDaemonInside(
  pins: { net: string; uts: string },
  start: DaemonStart,
): ReturnType<typeof startDaemon> {
  return insideNamespace('net', pins.net, () => insideNamespace('uts', pins.uts, () => startDaemon(start)));
}
