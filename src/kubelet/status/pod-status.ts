import type { Container as ContainerDef, ContainerStatus, Pod, PodStatus } from '../../api/generated/core-v1.ts';
import type { Container } from '../../runtime/runtime.ts';
import type { PodFailure, WaitingReason } from '../pod-record.ts';
import { qosClass } from '../resources.ts';
import { isSidecar } from '../restart-policy.ts';
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
  const initStatuses = statusesOf(input, spec.initContainers, true, {
    waiting: 'PodInitializing',
    over: (index) => input.terminal && index <= lastInit,
  });
  const initDone = (spec.initContainers ?? []).every((container, index) =>
    isSidecar(container) ? initStatuses[index]?.started : initStatuses[index]?.ready,
  );
  const anyRan = spec.containers.some(({ name }) => input.attempts(name).length > 0);
  const over = input.terminal && (initDone || anyRan);
  const statuses = statusesOf(input, spec.containers, false, {
    waiting: inits.length > 0 && !initDone ? 'PodInitializing' : 'ContainerCreating',
    over: () => over,
  });
  const ephemeral = statusesOf(input, spec.ephemeralContainers, false, {
    waiting: 'ContainerCreating',
    over: () => input.terminal,
  });
  // A Pod does not count as failed before its containers have ended (status_manager.go mergePodStatus).
  const running = [...initStatuses, ...statuses, ...ephemeral].some(({ state }) => state?.running);
  const failure = running ? undefined : input.failure;
  const byName = new Map([...initStatuses, ...statuses].map((status) => [status.name, status]));
  const initialized = statuses.some(hasStarted);
  const final = previous.phase === 'Failed' || previous.phase === 'Succeeded' ? previous.phase : undefined;
  const phase = final ?? (failure ? 'Failed' : podPhase(spec, byName, { terminal: input.terminal, initialized }));

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
      now: seconds(input.now),
    }),
    ...(failure ? { reason: failure.reason, message: failure.message } : pick(previous)),
    hostIP: input.hostIP,
    hostIPs: [{ ip: input.hostIP }],
    startTime: previous.startTime ?? seconds(input.firstSeenMs),
    qosClass: previous.qosClass ?? qosClass(spec),
  };
  const ips = input.podIPs.length ? input.podIPs : (previous.podIPs ?? []).map(({ ip }) => ip);
  if (ips[0]) Object.assign(status, { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) });
  if (!failure || input.sandboxReady || previous.containerStatuses) {
    if (initStatuses.length) status.initContainerStatuses = initStatuses;
    status.containerStatuses = statuses;
    if (ephemeral.length) status.ephemeralContainerStatuses = ephemeral;
  }
  return status;
}

function pick({ reason, message, phase }: PodStatus): Partial<PodStatus> {
  const final = phase === 'Failed' || phase === 'Succeeded';
  return final ? { ...(reason && { reason }), ...(message && { message }) } : {};
}

function statusesOf(
  input: StatusInput,
  definitions: ContainerDef[] | undefined,
  init: boolean,
  idle: { waiting: string; over: (index: number) => boolean },
): ContainerStatus[] {
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
