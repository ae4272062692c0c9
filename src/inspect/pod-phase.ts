import type { ContainerStatus, Pod } from '../api/generated/core-v1.ts';
import { plural } from './plural.ts';

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
  const ended = statuses.find(({ state }) => state?.terminated && state.terminated.reason !== 'Completed');
  // It is about to be started again.
  if (ended && status?.phase === 'Running') return ended.state?.terminated?.reason ?? 'Error';
  return status?.phase ?? 'Pending';
}

/** How many Pods are in each state, the most frequent first. */
export function countPhases(pods: Pod[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const phase of pods.map(podPhase)) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

/** '3 Running, 1 Pending'. */
export function describePhases(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([phase, count]) => `${count} ${phase}`)
    .join(', ');
}

/** What the scheduler says of a Pod that it has found no node for. */
export function unscheduledMessage({ status }: Pod): string | undefined {
  return status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False')?.message;
}

/** 'waiting: CrashLoopBackOff, 3 restarts', of a container that does not run. */
export function describeStopped({ state, restartCount }: ContainerStatus): string {
  const { waiting, terminated } = state ?? {};
  const what = waiting
    ? `waiting: ${waiting.reason ?? 'unknown'}`
    : terminated
      ? `terminated: ${terminated.reason ?? 'unknown'}, exit code ${terminated.exitCode}`
      : 'not started';
  return `${what}${describeRestarts(restartCount)}`;
}

/** ', 3 restarts'. */
export const describeRestarts = (count: number): string => (count > 0 ? `, ${plural(count, 'restart')}` : '');

/** Of init, regular and ephemeral containers. */
export function statusesOf(pod: Pod): ContainerStatus[] {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
}
