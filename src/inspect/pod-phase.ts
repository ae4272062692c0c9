import type { ContainerStatus, Pod } from '../api/generated/core-v1.ts';

/**
 * The word for a Pod's state: its phase, or the reason that says more (a container waiting with a reason other than
 * the usual ones, a deletion under way), in the spirit of kubectl's STATUS column.
 */
export function podPhase({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp) return 'Terminating';
  if (status?.reason) return status.reason;
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  for (const { state } of statuses) {
    const reason = state?.waiting?.reason;
    if (reason && reason !== 'ContainerCreating' && reason !== 'PodInitializing') return reason;
  }
  return status?.phase ?? 'Pending';
}

/** Of init, regular and ephemeral containers. */
export function statusesOf(pod: Pod): ContainerStatus[] {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
}
