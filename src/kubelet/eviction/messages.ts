import { wholeValue } from '../quantity.ts';
import type { Reclaim } from './plan-eviction.ts';
import type { PodUsage } from './pod-usage.ts';

/** Reason of the Pod's status and of the Event. */
export const evictedReason = 'Evicted';

/** Why a Pod goes, in the kubelet's words (eviction/helpers.go evictionMessage), with the space at the end. */
export function evictionMessage({ resource, quantity, available }: Reclaim, usage: PodUsage): string {
  const amount = resource === 'inodes' || resource === 'pids' ? String : binaryQuantity;
  const parts = [
    `The node was low on resource: ${resource}. `,
    `Threshold quantity: ${amount(quantity)}, available: ${amount(available)}. `,
  ];
  const { spec } = usage.pod;
  for (const container of usage.containers) {
    const definition = [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === container.name);
    if (!definition) continue;
    const used =
      resource === 'memory'
        ? container.memoryBytes
        : resource === 'ephemeral-storage'
          ? container.rootfs.bytes + container.logs.bytes
          : undefined;
    const request = definition.resources?.requests?.[resource] ?? '0';
    if (used !== undefined && used > wholeValue(request))
      parts.push(
        `Container ${container.name} was using ${binaryQuantity(used)}, request is ${request}, has larger consumption of ${resource}. `,
      );
  }
  return parts.join('');
}

const units = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** Bytes as a Quantity in binary units prints them: in the largest unit that leaves nothing over. */
export function binaryQuantity(bytes: number): string {
  let value = Math.floor(bytes);
  let unit = 0;
  while (value !== 0 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value}${units[unit]}`;
}
