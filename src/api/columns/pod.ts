import { humanAge } from '../duration.ts';
import type { ContainerStatus, Pod, PodCondition, PodTemplate } from '../generated/core-v1.ts';
import type { TableRowCondition } from '../generated/meta-v1.ts';
import { age, ageOf, type ColumnsEntry, column, containerCells, entry, formatLabels, name, wide } from './column.ts';

export const podColumns: ColumnsEntry[] = [
  entry<Pod>('core/v1.Pod', {
    definitions: [
      name,
      column('Ready', 'Containers that are ready, of all that should be.'),
      column('Status', 'What the Pod is doing, or why it is not running.'),
      column('Restarts', 'Restarts of all containers, and when the last one was.'),
      age,
      wide('IP', 'Address of the Pod.'),
      wide('Node', 'Node that runs the Pod.'),
      wide('Nominated Node', 'Node that the scheduler is making room on for the Pod.'),
      wide('Readiness Gates', 'Readiness gates that are true, of all.'),
    ],
    cells: podCells,
    conditions: (pod) => finishedConditions[pod.status?.phase ?? ''],
  }),
  entry<PodTemplate>('core/v1.PodTemplate', {
    definitions: [
      name,
      column('Containers', 'Names of the containers in the template.'),
      column('Images', 'Images of the containers in the template.'),
      column('Pod Labels', 'Labels of Pods made from the template.'),
    ],
    cells: ({ metadata, template }) => [
      metadata.name,
      ...containerCells(template?.spec?.containers),
      formatLabels(template?.metadata?.labels),
    ],
  }),
];

const finishedConditions: Record<string, TableRowCondition[] | undefined> = {
  Succeeded: [finished('Succeeded', 'The pod has completed successfully.')],
  Failed: [finished('Failed', 'The pod failed.')],
};

function finished(reason: string, message: string): TableRowCondition {
  return { type: 'Completed', status: 'True', reason, message };
}

function podCells(pod: Pod, now: number): unknown[] {
  const { ready, total, reason, restarts, lastRestart } = summarize(pod);
  return [
    pod.metadata.name,
    `${ready}/${total}`,
    reason,
    restarts !== 0 && lastRestart ? `${restarts} (${humanAge(lastRestart, now)} ago)` : `${restarts}`,
    ageOf(pod, now),
    pod.status?.podIPs?.[0]?.ip || '<none>',
    pod.spec?.nodeName || '<none>',
    pod.status?.nominatedNodeName || '<none>',
    readinessGates(pod),
  ];
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) => isTrue(status?.conditions, gate.conditionType)).length;
  return `${met}/${gates.length}`;
}

/** What `kubectl get pods` says about a Pod in one line. */
export interface PodSummary {
  ready: number;
  total: number;
  /** The STATUS column. */
  reason: string;
  restarts: number;
  /** When the last restarted container had finished; '' when none has. */
  lastRestart: string;
}

/** The rules of printPod: the phase, unless a container tells more. */
export function summarize(pod: Pod): PodSummary {
  const { spec, status } = pod;
  const summary: PodSummary = {
    ready: 0,
    total: spec?.containers?.length ?? 0,
    reason: status?.reason || status?.phase || '',
    restarts: 0,
    lastRestart: '',
  };
  if (status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated')) {
    summary.reason = 'SchedulingGated';
  }
  const sidecars = { restarts: 0, lastRestart: '' };
  const initializing = addInitContainers(pod, summary, sidecars);
  if (!initializing || isTrue(status?.conditions, 'Initialized')) {
    Object.assign(summary, sidecars);
    addContainers(pod, summary);
  }
  if (pod.metadata.deletionTimestamp) {
    if (status?.reason === 'NodeLost') summary.reason = 'Unknown';
    else if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') summary.reason = 'Terminating';
  }
  return summary;
}

type Restarts = Pick<PodSummary, 'restarts' | 'lastRestart'>;

/** Goes through the init containers until one that is not done; true if there is one. */
function addInitContainers({ spec, status }: Pod, summary: PodSummary, sidecars: Restarts): boolean {
  const sidecarNames = new Set<string>();
  for (const container of spec?.initContainers ?? []) {
    if (container.restartPolicy === 'Always') sidecarNames.add(container.name);
  }
  summary.total += sidecarNames.size;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    const isSidecar = sidecarNames.has(container.name);
    addRestarts(summary, container);
    if (isSidecar) addRestarts(sidecars, container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated && terminated.exitCode === 0) continue;
    if (isSidecar && container.started) {
      if (container.ready) summary.ready++;
      continue;
    }
    if (terminated) summary.reason = `Init:${terminatedReason(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') summary.reason = `Init:${waiting.reason}`;
    else summary.reason = `Init:${index}/${spec?.initContainers?.length ?? 0}`;
    return true;
  }
  return false;
}

/** The first container that has something to say wins, so they are visited from the last. */
function addContainers({ status }: Pod, summary: PodSummary): void {
  let running = false;
  let errorReason = '';
  for (const container of (status?.containerStatuses ?? []).toReversed()) {
    addRestarts(summary, container);
    const { waiting, terminated, running: since } = container.state ?? {};
    if (waiting?.reason) summary.reason = waiting.reason;
    else if (terminated) {
      summary.reason = terminatedReason(terminated);
      if (terminated.exitCode !== 0) errorReason = summary.reason;
    } else if (container.ready && since) {
      running = true;
      summary.ready++;
    }
  }
  if (summary.reason !== 'Completed') return;
  if (running && isTrue(status?.conditions, 'Ready')) summary.reason = 'Running';
  else if (errorReason) summary.reason = errorReason;
  else if (running) summary.reason = 'NotReady';
}

function addRestarts(restarts: Restarts, container: ContainerStatus): void {
  restarts.restarts += container.restartCount ?? 0;
  const finishedAt = container.lastState?.terminated?.finishedAt ?? '';
  if (finishedAt > restarts.lastRestart) restarts.lastRestart = finishedAt;
}

function terminatedReason({
  reason,
  signal,
  exitCode,
}: {
  reason?: string;
  signal?: number;
  exitCode: number;
}): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

function isTrue(conditions: readonly PodCondition[] | undefined, type: string): boolean {
  return conditions?.find((condition) => condition.type === type)?.status === 'True';
}
