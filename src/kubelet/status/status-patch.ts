import type { PodStatus } from '../../api/generated/core-v1.ts';
import { resizeTypes } from './conditions.ts';

/** What the kubelet reports; other fields of the status belong to others. */
const fields = [
  'observedGeneration',
  'phase',
  'conditions',
  'message',
  'reason',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'qosClass',
  'allocatedResources',
  'resources',
] as const satisfies (keyof PodStatus)[];

/** A strategic merge patch from one status to another, undefined if they say the same (pkg/util/pod PatchPodStatus). Pure. */
export function statusPatch(from: PodStatus, to: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  for (const field of fields) {
    const [before, after] = [from[field], to[field]];
    if (JSON.stringify(before) === JSON.stringify(after)) continue;
    // Lists merged by key keep what the patch leaves out, so only changed conditions need to be sent.
    if (field === 'conditions') {
      const old = new Map((from.conditions ?? []).map((condition) => [condition.type, JSON.stringify(condition)]));
      const changed = (to.conditions ?? []).filter(
        (condition) => old.get(condition.type) !== JSON.stringify(condition),
      );
      const now = new Set((to.conditions ?? []).map(({ type }) => type));
      const over = resizeTypes.filter((type) => old.has(type) && !now.has(type));
      const all = [...changed, ...over.map((type) => ({ type, $patch: 'delete' }))];
      if (all.length) patch.conditions = all;
    } else if (field === 'podIPs' || field === 'hostIPs') {
      // Merged by their address: an address that is no longer ours would stay.
      patch[field] = [...((after as { ip: string }[] | undefined) ?? []), { $patch: 'replace' }];
    } else {
      patch[field] = after ?? null;
    }
  }
  return Object.keys(patch).length ? patch : undefined;
}
