import type { Container as ContainerDef, PodStatus } from '../api/generated/core-v1.ts';
import { containerNameOf, hashOf } from './labels.ts';
import type { NodeContext } from './node-context.ts';
import type { ContainerView, PodView } from './plan-pod-actions.ts';
import { type PodRecord, specContainer } from './pod-record.ts';
import { needsRestart } from './resize/resize-pod.ts';
import { podStatus } from './status/pod-status.ts';
import { terminationMessage } from './status/termination-message.ts';

/** What the planner is to see of a Pod. */
export function podView(node: NodeContext, record: PodRecord): PodView {
  const { spec } = record.allocatedPod;
  const containers = new Map<string, ContainerView>();
  for (const definition of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
    const container = record.current(node.runtime, definition.name);
    if (!container) continue;
    const liveness = node.probes.result(container.id, 'liveness');
    const startup = node.probes.result(container.id, 'startup');
    containers.set(definition.name, {
      id: container.id,
      running: container.state !== 'exited',
      ...(container.exitCode !== undefined && { exitCode: container.exitCode }),
      hash: hashOf(container),
      started: isStarted(node, record, definition, container.id),
      ...(liveness && { liveness }),
      ...(startup && { startup }),
      ...(needsRestart(record, definition, container) && { resize: true }),
    });
  }
  return { spec, sandbox: record.sandbox !== undefined, ranBefore: hasRunBefore(node, record), containers };
}

const isStarted = (node: NodeContext, record: PodRecord, definition: ContainerDef, id: string): boolean =>
  record.hooked.has(id) && (!definition.startupProbe || node.probes.result(id, 'startup') === 'success');

/** The API says that containers of this Pod have run, though the runtime may have lost them. */
function hasRunBefore(node: NodeContext, record: PodRecord): boolean {
  const { containerStatuses = [], initContainerStatuses = [] } = node.status.get(record.pod);
  return record.hasRun || [...containerStatuses, ...initContainerStatuses].some(({ containerID }) => containerID);
}

/** Starts and ends probes so that exactly the running containers have them. */
export function watchProbes(node: NodeContext, record: PodRecord): void {
  const { pod } = record;
  for (const container of record.allContainers(node.runtime)) {
    const definition = specContainer(pod, containerNameOf(container))?.definition;
    if (container.state !== 'running' || !definition) node.probes.forget(container.id);
    else if (!record.terminating && record.hooked.has(container.id)) {
      const podIP = record.podIPs[0] ?? node.nodeAddress;
      node.probes.watch({ pod, definition, container, podIP }, { adopted: record.adopted.has(container.id) });
    }
  }
}

/** Reads the last words of containers that have ended since the last look. */
export async function readMessages(node: NodeContext, record: PodRecord): Promise<void> {
  for (const container of record.allContainers(node.runtime)) {
    if (container.state !== 'exited' || record.messages.has(container.id)) continue;
    record.messages.set(container.id, await terminationMessage(container));
  }
}

/** The Pod's status as the node sees it now. */
export function currentStatus(node: NodeContext, record: PodRecord, { terminal = false } = {}): PodStatus {
  return podStatus({
    pod: record.pod,
    previous: node.status.get(record.pod),
    sandboxReady: record.sandbox !== undefined && !record.finished && !terminal,
    podIPs: record.podIPs,
    hostIP: node.nodeAddress,
    firstSeenMs: record.firstSeenMs,
    now: node.clock.now(),
    failure: record.failure,
    allocated: record.allocatedPod.spec,
    resize: record.resize,
    actual: (id) => (record.actual.has(id) ? { resources: record.actual.get(id) } : undefined),
    terminal: terminal || record.finished,
    attempts: (name) => record.attempts(node.runtime, name),
    waiting: (name) => record.waiting.get(name),
    message: (id) => record.messages.get(id),
    imageRef: (id) => node.images.ref(id),
    started: (definition, id) => isStarted(node, record, definition, id),
    ready: (definition, id) => !definition.readinessProbe || node.probes.result(id, 'readiness') === 'success',
  });
}
