import type {
  Container as ContainerDef,
  ContainerStatus,
  Pod,
  PodSpec,
  PodStatus,
  ResourceRequirements,
} from '../../api/generated/core-v1.ts';
import { podResources } from '../../api/pod-resources.ts';
import { qosClassOf } from '../../api/qos.ts';
import type { Container } from '../../runtime/runtime.ts';
import type { PodFailure, PodRecord, WaitingReason } from '../pod-record.ts';
import { isSidecar, mayRestartAll, restartsAll } from '../restart-policy.ts';
import { hasStarted, podConditions } from './conditions.ts';
import { containerStatus, seconds } from './container-status.ts';
import { podPhase } from './pod-phase.ts';

export interface StatusInput {
  pod: Pod;
  /** The status as last reported. */
  previous: PodStatus;
  sandboxReady: boolean;
  podIPs: string[];
  hostIP: string;
  firstSeenMs: number;
  now: number;
  failure: PodFailure | undefined;
  /** The spec with what the node has promised. */
  allocated: PodSpec;
  resize: PodRecord['resize'];
  /** Requests and limits in force in a container; undefined where they are not known. */
  actual(id: string): { resources: ResourceRequirements | undefined } | undefined;
  /** All containers are stopped for good: the phase is final. */
  terminal: boolean;
  attempts(name: string): Container[];
  waiting(name: string): WaitingReason | undefined;
  message(id: string): string | undefined;
  imageRef(imageId: string): string;
  started(definition: ContainerDef, id: string): boolean;
  ready(definition: ContainerDef, id: string): boolean;
}

/** The whole status of a Pod as the node sees it (kubelet_pods.go generateAPIPodStatus). Pure. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, previous } = input;
  const { spec } = pod;
  const inits = spec.initContainers ?? [];
  // Of a Pod that is over, what comes after the last init container that ran never had its turn.
  const lastInit = inits.findLastIndex(({ name }) => input.attempts(name).length > 0);
  const initStatuses = statusesOf(input, 'initContainers', true, {
    waiting: 'PodInitializing',
    over: (index) => input.terminal && index <= lastInit,
  });
  const initDone = (spec.initContainers ?? []).every((container, index) =>
    isSidecar(container) ? initStatuses[index]?.started : initStatuses[index]?.ready,
  );
  const anyRan = spec.containers.some(({ name }) => input.attempts(name).length > 0);
  const over = input.terminal && (initDone || anyRan);
  const statuses = statusesOf(input, 'containers', false, {
    waiting: inits.length > 0 && !initDone ? 'PodInitializing' : 'ContainerCreating',
    over: () => over,
  });
  const ephemeral = statusesOf(input, 'ephemeralContainers', false, {
    waiting: 'ContainerCreating',
    over: () => input.terminal,
  });
  // A Pod does not count as failed before its containers have ended (status_manager.go mergePodStatus).
  const running = [...initStatuses, ...statuses, ...ephemeral].some(({ state }) => state?.running);
  const failure = running ? undefined : input.failure;
  const byName = new Map([...initStatuses, ...statuses].map((status) => [status.name, status]));
  const initialized = statuses.some(hasStarted);
  const final = previous.phase === 'Failed' || previous.phase === 'Succeeded' ? previous.phase : undefined;
  const restarting = restartingAll(input);
  const phase =
    final ??
    (failure
      ? 'Failed'
      : restarting?.running
        ? 'Running'
        : podPhase(spec, byName, { terminal: input.terminal, initialized }));

  const status: PodStatus = {
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: podConditions({
      pod,
      phase,
      statuses: byName,
      previous: previous.conditions ?? [],
      sandboxReady: input.sandboxReady,
      failure: input.failure,
      resize: input.resize,
      restartingAll: restarting?.stopping,
      now: seconds(input.now),
    }),
    ...(failure ? { reason: failure.reason, message: failure.message } : pick(previous)),
    hostIP: input.hostIP,
    hostIPs: [{ ip: input.hostIP }],
    startTime: previous.startTime ?? seconds(input.firstSeenMs),
    qosClass: previous.qosClass ?? qosClassOf(spec),
  };
  const ips = input.podIPs.length ? input.podIPs : (previous.podIPs ?? []).map(({ ip }) => ip);
  if (spec.resources) Object.assign(status, podResourcesStatus(input));
  if (ips[0]) Object.assign(status, { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) });
  if (!failure || input.sandboxReady || previous.containerStatuses) {
    if (initStatuses.length) status.initContainerStatuses = initStatuses;
    status.containerStatuses = statuses;
    if (ephemeral.length) status.ephemeralContainerStatuses = ephemeral;
  }
  return status;
}

/**
 * Where a Pod is on its way through a restart of all its containers; undefined if it can have none. From its end to the
 * start of the last one it keeps its phase, though containers that nothing else would restart have ended.
 */
function restartingAll({ pod: { spec }, previous, attempts, terminal }: StatusInput) {
  if (!mayRestartAll(spec)) return undefined;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const newest = all.map((container) => ({ container, last: attempts(container.name)[0] }));
  const stopping = newest.some(
    ({ container, last }) => last?.state === 'exited' && restartsAll(container, last.exitCode ?? -1),
  );
  const starting = newest.some(({ last }) => !last);
  return {
    stopping: stopping && !terminal,
    running: previous.phase === 'Running' && !terminal && (stopping || starting),
  };
}

/** Only of Pods that have requests or limits as a whole (KEP-2837). */
function podResourcesStatus({ allocated, resize, previous }: StatusInput): Partial<PodStatus> {
  const inForce = resize.inProgress ? previous.resources : allocated.resources;
  return { allocatedResources: podResources(allocated, 'requests'), ...(inForce && { resources: inForce }) };
}

function pick({ reason, message, phase }: PodStatus): Partial<PodStatus> {
  const final = phase === 'Failed' || phase === 'Succeeded';
  return final ? { ...(reason && { reason }), ...(message && { message }) } : {};
}

function statusesOf(
  input: StatusInput,
  list: 'initContainers' | 'containers' | 'ephemeralContainers',
  init: boolean,
  idle: { waiting: string; over: (index: number) => boolean },
): ContainerStatus[] {
  const definitions: ContainerDef[] | undefined = input.pod.spec[list];
  if (!definitions) return [];
  const { previous } = input;
  const reported = [
    ...(previous.initContainerStatuses ?? []),
    ...(previous.containerStatuses ?? []),
    ...(previous.ephemeralContainerStatuses ?? []),
  ];
  return definitions.map((definition, index) =>
    containerStatus({
      definition,
      allocated: (input.allocated[list] as ContainerDef[] | undefined)?.[index]?.resources,
      actual: input.actual,
      init,
      attempts: input.attempts(definition.name),
      waiting: input.terminal ? undefined : input.waiting(definition.name),
      defaultWaiting: idle.waiting,
      over: idle.over(index),
      previous: reported.find(({ name }) => name === definition.name),
      message: input.message,
      imageRef: input.imageRef,
      started: (id) => input.started(definition, id),
      ready: (id) => input.ready(definition, id),
    }),
  );
}
