import type { Pod } from '../../api/generated/core-v1.ts';
import { type NodeUse, shortage } from '../admit-pod.ts';
import { quantityValue } from '../quantity.ts';
import { podRequest } from '../resources.ts';

/** Why a resize has to wait: for others to end, or for good. */
export interface PendingResize {
  reason: 'Deferred' | 'Infeasible';
  message: string;
}

/** Whether the node can promise the Pod what it asks for now (kubelet allocation_manager.go canResizePod). Pure. */
export function planResize(pod: Pod, { pods, node }: NodeUse): PendingResize | undefined {
  const allocatable = node.status?.allocatable ?? {};
  for (const name of ['memory', 'cpu']) {
    const requested = podRequest(pod.spec, name);
    const capacity = Math.floor(quantityValue(allocatable[name]) * (name === 'cpu' ? 1000 : 1));
    if (allocatable[name] && requested > capacity) {
      const message = `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}`;
      return { reason: 'Infeasible', message };
    }
  }
  const lack = shortage(pod, { pods, node });
  return lack && { reason: 'Deferred', message: lack.message };
}
