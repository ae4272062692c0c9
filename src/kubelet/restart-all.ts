import type { Container } from '../runtime/runtime.ts';
import { killContainer } from './kill-container.ts';
import { containerNameOf } from './labels.ts';
import type { NodeContext } from './node-context.ts';
import { type PodRecord, specContainer } from './pod-record.ts';
import { currentStatus, readMessages } from './pod-state.ts';
import { removeContainer } from './remove-container.ts';
import { backOff } from './start-container.ts';

/**
 * Stops all containers at once and forgets them, as one ended with a code that asks for it (KEP-5532): the next look at
 * the Pod starts them like those of a new Pod, init containers first, in the same sandbox and with the same volumes.
 * Ephemeral containers go on. Resolves with the milliseconds after which to look again.
 */
export async function restartAll(node: NodeContext, record: PodRecord, trigger: string): Promise<number> {
  const all = record
    .allContainers(node.runtime)
    .filter((container) => specContainer(record.pod, containerNameOf(container))?.role !== 'ephemeral');
  const message = (container: Container) =>
    `Container ${containerNameOf(container)} will be restarted, as ${trigger} restarts all containers`;
  await Promise.all(
    all.map(async (container) => {
      node.probes.forget(container.id);
      // Neither hooks nor time to end: what is wanted is a fresh start, soon.
      await killContainer(node, record, container, { message: message(container), graceSeconds: 0 });
    }),
  );
  await readMessages(node, record);
  const [last] = record.attempts(node.runtime, trigger);
  const waitMs = backOff(node, record, specContainer(record.allocatedPod, trigger)!, last);
  node.status.set(record.pod, currentStatus(node, record));
  if (waitMs !== undefined) return waitMs;
  record.waiting.clear();
  // The one that ended so comes last: should this process end meanwhile, the next one begins again.
  const isTrigger = (container: Container) => containerNameOf(container) === trigger;
  await Promise.all(all.filter((one) => !isTrigger(one)).map((one) => removeContainer(node, record, one)));
  for (const container of all.filter(isTrigger).toReversed()) await removeContainer(node, record, container);
  return 0;
}
