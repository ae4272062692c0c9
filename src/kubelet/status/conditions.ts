import type { ContainerStatus, Pod, PodCondition, PodStatus } from '../../api/generated/core-v1.ts';
import type { PodFailure, PodRecord } from '../pod-record.ts';
import { isSidecar } from '../restart-policy.ts';

type Draft = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

export interface ConditionInput {
  pod: Pod;
  phase: PodStatus['phase'];
  statuses: ReadonlyMap<string, ContainerStatus>;
  /** Conditions as last reported; those of others (readiness gates) stay. */
  previous: PodCondition[];
  /** There is a sandbox with a network. */
  sandboxReady: boolean;
  failure: PodFailure | undefined;
  resize: PodRecord['resize'];
  /** All containers are being stopped to start afresh; undefined of a Pod to which that cannot happen. */
  restartingAll: boolean | undefined;
  now: string;
}

/** The Pod's conditions in the kubelet's order (kubelet status/generate.go). */
export function podConditions(input: ConditionInput): PodCondition[] {
  const ready = containersReady(input);
  const drafts: Draft[] = [
    { type: 'PodReadyToStartContainers', status: input.sandboxReady ? 'True' : 'False' },
    initialized(input),
    podReady(input, ready),
    ready,
    { type: 'PodScheduled', status: 'True' },
    ...disruption(input),
    ...resizeConditions(input.resize),
    ...allRestarting(input),
  ];
  const own = new Set<string>([...drafts.map(({ type }) => type), ...resizeTypes]);
  const others = input.previous.filter(({ type }) => !own.has(type));
  return [...others, ...drafts.map((draft) => withHistory(draft, input))];
}

/** The kubelet itself ends the Pod, through no fault of the Pod's (KEP-3329). */
function disruption({ failure }: ConditionInput): Draft[] {
  if (!failure?.disruption) return [];
  return [{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message: failure.message }];
}

/** There only on Pods with a rule that restarts all containers (KEP-5532). */
function allRestarting({ restartingAll, phase }: ConditionInput): Draft[] {
  if (restartingAll === undefined) return [];
  const type = 'AllContainersRestarting';
  if (phase === 'Succeeded') return [{ type, status: 'False', reason: 'PodCompleted' }];
  if (phase === 'Failed') return [{ type, status: 'False', reason: 'PodFailed' }];
  if (!restartingAll) return [{ type, status: 'False' }];
  const message = 'container exited with restart policy rule';
  return [{ type, status: 'True', reason: 'RestartAllContainersStarted', message }];
}

function withHistory(draft: Draft, { pod, previous, now }: ConditionInput): PodCondition {
  const before = previous.find(({ type }) => type === draft.type);
  const same = before?.status === draft.status;
  return {
    type: draft.type,
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    status: draft.status,
    lastTransitionTime: (same && before.lastTransitionTime) || now,
    ...(draft.reason && { reason: draft.reason }),
    ...(draft.message && { message: draft.message }),
  };
}

/** There only while a resize is under way. */
export const resizeTypes = ['PodResizePending', 'PodResizeInProgress'] as const;

function resizeConditions({ pending, inProgress }: PodRecord['resize']): Draft[] {
  return [
    ...(pending ? [{ type: 'PodResizePending', status: 'True', ...pending } as const] : []),
    ...(inProgress ? [{ type: 'PodResizeInProgress', status: 'True', ...inProgress } as const] : []),
  ];
}

function initialized({ pod, phase, statuses }: ConditionInput): Draft {
  const type = 'Initialized';
  const init = pod.spec.initContainers ?? [];
  const unknown = init.filter(({ name }) => !statuses.has(name)).map(({ name }) => name);
  if (phase === 'Succeeded' && unknown.length === 0) return { type, status: 'True', reason: 'PodCompleted' };
  if (pod.spec.containers.some(({ name }) => hasStarted(statuses.get(name)))) return { type, status: 'True' };
  const incomplete = init
    .filter((container) => {
      const status = statuses.get(container.name);
      return status && !(isSidecar(container) ? status.started : status.ready);
    })
    .map(({ name }) => name);
  const message = describe(unknown, 'incomplete', incomplete);
  return message ? { type, status: 'False', reason: 'ContainersNotInitialized', message } : { type, status: 'True' };
}

function containersReady({ pod, phase, statuses }: ConditionInput): Draft {
  const type = 'ContainersReady';
  const wanted = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers].map(({ name }) => name);
  const unknown = wanted.filter((name) => !statuses.has(name));
  if (phase === 'Succeeded' && unknown.length === 0) return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const unready = wanted.filter((name) => statuses.get(name)?.ready === false);
  const message = describe(unknown, 'unready', unready);
  return message ? { type, status: 'False', reason: 'ContainersNotReady', message } : { type, status: 'True' };
}

function podReady({ pod, previous }: ConditionInput, containers: Draft): Draft {
  if (containers.status !== 'True') return { ...containers, type: 'Ready' };
  const messages: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const condition = previous.find(({ type }) => type === conditionType);
    if (!condition) messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (condition.status !== 'True')
      messages.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`);
  }
  return messages.length
    ? { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') }
    : { type: 'Ready', status: 'True' };
}

/** Whether an ordinary container runs or has run (container/helpers.go HasAnyRegularContainerStarted). */
export const hasStarted = (status: ContainerStatus | undefined): boolean =>
  Boolean(status?.state?.running || status?.state?.terminated || status?.lastState?.terminated);

/** 'containers with unknown status: [a b], containers with unready status: [c]', lists as Go prints them. */
function describe(unknown: string[], word: string, others: string[]): string {
  const parts: string[] = [];
  if (unknown.length) parts.push(`containers with unknown status: [${unknown.join(' ')}]`);
  if (others.length) parts.push(`containers with ${word} status: [${others.join(' ')}]`);
  return parts.join(', ');
}
