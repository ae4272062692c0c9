import { wholeValue } from '../quantity.ts';
import { podLimit } from '../resources.ts';
import { binaryQuantity } from './messages.ts';
import { diskUse, type PodUsage } from './pod-usage.ts';

/** Whether something in the Pod limits what it may keep on the node's disk, or in memory volumes. */
export function hasLocalStorageLimit({ pod: { spec } }: Pick<PodUsage, 'pod'>): boolean {
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  return (
    all.some(({ resources }) => resources?.limits?.['ephemeral-storage']) ||
    (spec.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit)
  );
}

/**
 * Why a Pod that keeps more than it may must go, in the kubelet's words, with the space at the end (eviction_manager.go
 * localStorageEviction): an emptyDir above its sizeLimit, the Pod above the sum of its limits, a container above its own.
 * Undefined if it may stay. Pure.
 */
export function localStorageExcess(usage: PodUsage): string | undefined {
  const { spec } = usage.pod;
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const used = usage.volumes.find((volume) => volume.name === name)?.use.bytes ?? 0;
    const limit = wholeValue(emptyDir?.sizeLimit);
    if (limit > 0 && used > limit)
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir?.sizeLimit}". `;
  }
  const total = podLimit(spec, 'ephemeral-storage');
  if (total > 0 && diskUse(usage).bytes > total)
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${limitText(usage, total)}. `;
  for (const { name, resources } of spec.containers) {
    const limit = resources?.limits?.['ephemeral-storage'];
    const container = usage.containers.find((one) => one.name === name);
    if (limit && container && container.rootfs.bytes + container.logs.bytes > wholeValue(limit))
      return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  return undefined;
}

/** The sum as it was written, where one container alone has a limit. */
function limitText({ pod: { spec } }: PodUsage, total: number): string {
  const [only, ...others] = spec.containers.flatMap(({ resources }) => resources?.limits?.['ephemeral-storage'] ?? []);
  return only && others.length === 0 ? String(only) : binaryQuantity(total);
}
