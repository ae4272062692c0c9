import type { ContainerStatus, PodSpec, PodStatus } from '../../api/generated/core-v1.ts';
import { isSidecar, shouldRestart } from '../restart-policy.ts';

/** The Pod's phase from its containers' states (kubelet_pods.go getPhase). `terminal`: nothing will be restarted any more. */
export function podPhase(
  spec: PodSpec,
  statuses: ReadonlyMap<string, ContainerStatus>,
  { terminal, initialized }: { terminal: boolean; initialized: boolean },
): NonNullable<PodStatus['phase']> {
  const init = countInit(spec, statuses);
  if (init.failed > 0) return 'Failed';
  const main = countMain(spec, statuses);
  if (init.pending > 0 || (main.pendingSidecars > 0 && !initialized) || main.waiting > 0) return 'Pending';
  if (main.unknown > 0) return 'Pending';
  if (main.running > 0) return 'Running';
  if (main.stopped === 0) return 'Pending';
  if (!terminal && main.restartable > 0) return 'Running';
  return main.stopped === main.succeeded ? 'Succeeded' : 'Failed';
}

function countInit(spec: PodSpec, statuses: ReadonlyMap<string, ContainerStatus>) {
  const counts = { pending: 0, failed: 0 };
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) continue;
    const status = statuses.get(container.name);
    const ended = status?.state?.terminated ?? (status?.state?.waiting && status.lastState?.terminated);
    if (!ended) counts.pending++;
    else if (ended.exitCode !== 0) {
      const again = container.restartPolicy
        ? shouldRestart(spec, container, ended.exitCode)
        : (spec.restartPolicy ?? 'Always') !== 'Never';
      if (again) counts.pending++;
      else counts.failed++;
    }
  }
  return counts;
}

function countMain(spec: PodSpec, statuses: ReadonlyMap<string, ContainerStatus>) {
  const counts = { unknown: 0, running: 0, waiting: 0, stopped: 0, succeeded: 0, restartable: 0, pendingSidecars: 0 };
  for (const container of (spec.initContainers ?? []).filter(isSidecar)) {
    const status = statuses.get(container.name);
    if (!status) counts.unknown++;
    else if (status.state?.running) {
      counts.running++;
      if (!status.started) counts.pendingSidecars++;
    } else if (!status.state?.terminated && !status.lastState?.terminated) {
      counts.pendingSidecars++;
      counts.waiting++;
    }
  }
  for (const container of spec.containers) {
    const status = statuses.get(container.name);
    const ended = status?.state?.terminated ?? (status?.state?.waiting && status.lastState?.terminated);
    if (status?.state?.running) counts.running++;
    else if (ended) {
      counts.stopped++;
      if (ended.exitCode === 0) counts.succeeded++;
      if (shouldRestart(spec, container, ended.exitCode)) counts.restartable++;
    } else if (status?.state?.waiting) counts.waiting++;
    else counts.unknown++;
  }
  return counts;
}
