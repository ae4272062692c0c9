import { containerNameOf } from './labels.ts';
import type { NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';
import { removeContainer } from './remove-container.ts';

/**
 * Removes containers that have ended and were followed by another, with their logs: there is no disk for them (kubelet
 * container/container_gc.go DeleteAllUnusedContainers). The newest of each name stays, as its Pod's status is about it.
 */
export async function removeDeadContainers(node: NodeContext, records: PodRecord[]): Promise<void> {
  for (const record of records) {
    const names = new Set(record.allContainers(node.runtime).map(containerNameOf));
    for (const name of names) {
      for (const old of record.attempts(node.runtime, name).slice(1)) {
        if (old.state === 'exited') await removeContainer(node, record, old);
      }
    }
  }
}
