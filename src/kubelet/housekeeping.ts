import { LogRotation } from './log-rotation.ts';
import type { NodeContext } from './node-context.ts';
import type { PodEvents } from './pod-events.ts';
import type { PodWorkers } from './pod-workers.ts';

const periodMs = 10_000;

/** Does regularly what no event asks for: renews tokens, rotates logs, grows volumes. Returns what ends it. */
export function keepHouse(node: NodeContext, workers: PodWorkers, events: PodEvents): () => void {
  const rotation = new LogRotation(node);
  let cancel = () => {};
  let ended = false;
  const later = () => {
    if (!ended) cancel = node.clock.after(periodMs, () => void tick());
  };
  const tick = async () => {
    events.refreshVolumes([...node.volumes.due()]);
    await rotation.look(workers.records());
    await node.volumes.expand().catch((error: unknown) => node.log.warn('cannot expand volumes', { error }));
    later();
  };
  later();
  return () => {
    ended = true;
    cancel();
  };
}
