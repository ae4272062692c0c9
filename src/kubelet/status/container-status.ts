import type {
  Container as ContainerDef,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  ResourceRequirements,
} from '../../api/generated/core-v1.ts';
import type { Container } from '../../runtime/runtime.ts';
import { isRecursive } from '../container-mounts.ts';
import { restartCountOf } from '../labels.ts';
import type { WaitingReason } from '../pod-record.ts';
import { isSidecar } from '../restart-policy.ts';

/** What is known of one container of the spec. */
export interface ContainerFacts {
  definition: ContainerDef;
  /** What the node has promised it. */
  allocated: ResourceRequirements | undefined;
  /** What is in force; undefined where that is not known. */
  actual(id: string): { resources: ResourceRequirements | undefined } | undefined;
  init: boolean;
  /** Newest first. */
  attempts: Container[];
  waiting: WaitingReason | undefined;
  /** The reason shown while nothing else is known: ContainerCreating or PodInitializing. */
  defaultWaiting: string;
  /** The Pod is over, and this container's turn had come: it is not waiting for anything. */
  over: boolean;
  /** The status as last reported, for what the runtime no longer knows. */
  previous: ContainerStatus | undefined;
  /** Exit message of a container, by id. */
  message(id: string): string | undefined;
  imageRef(imageId: string): string;
  /** Startup probe and postStart are over. */
  started(id: string): boolean;
  /** Readiness probe, if any, is happy. */
  ready(id: string): boolean;
}

/** Status of one container (kubelet_pods.go convertToAPIContainerStatuses). */
export function containerStatus(facts: ContainerFacts): ContainerStatus {
  const { definition, attempts, previous } = facts;
  const [newest, before] = attempts;
  // Reported for good; only the runtime has forgotten it (the machine, or the cluster, was stopped meanwhile).
  if (!newest && facts.over && previous?.state?.terminated) return previous;
  const status: ContainerStatus = {
    name: definition.name,
    state: {},
    ready: false,
    restartCount: newest ? restartCountOf(newest) : (facts.previous?.restartCount ?? 0),
    image: newest ? newest.image.name : (definition.image ?? ''),
    imageID: newest ? facts.imageRef(newest.image.id) : '',
  };
  if (newest) status.containerID = containerId(newest);
  status.state = stateOf(facts, newest);
  const last = lastState(facts, newest, before);
  status.lastState = last ? { terminated: last } : {};
  if (newest && status.state.waiting) status.containerID = containerId(newest);

  const running = status.state.running !== undefined;
  const started = running && newest !== undefined && facts.started(newest.id);
  status.started = facts.init && !isSidecar(definition) ? running : started;
  if (facts.init && !isSidecar(definition)) status.ready = status.state.terminated?.exitCode === 0;
  else status.ready = started && facts.ready(newest!.id);
  if (running && newest) addResources(status, facts, newest.id);
  addMounts(status, definition);
  if (running && newest?.user) status.user = { linux: linuxUser(newest.user) };
  if (newest?.stopSignal.startsWith('SIG')) status.stopSignal = newest.stopSignal as ContainerStatus['stopSignal'];
  return status;
}

export const containerId = (container: { id: string }): string => `vitrine://${container.id}`;

function stateOf(facts: ContainerFacts, newest: Container | undefined): ContainerState {
  const waiting = (reason: WaitingReason | undefined): ContainerState => ({
    waiting: reason
      ? { reason: reason.reason, ...(reason.message && { message: reason.message }) }
      : { reason: facts.defaultWaiting },
  });
  if (!newest) {
    return facts.over ? { terminated: lostTermination(facts) ?? neverLocated } : waiting(facts.waiting);
  }
  if (newest.state === 'running') return { running: { startedAt: seconds(newest.startedAtMs) } };
  if (newest.state === 'created') return waiting(facts.waiting);
  return facts.waiting ? waiting(facts.waiting) : { terminated: terminated(facts, newest) };
}

/** status_manager.go TerminatePod, of what the runtime never knew. */
const neverLocated: ContainerStateTerminated = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was terminated',
};

/** How the container ended before: the newest one if it waits to be restarted, else the one before. */
function lastState(facts: ContainerFacts, newest: Container | undefined, before: Container | undefined) {
  if (newest?.state === 'exited' && facts.waiting) return terminated(facts, newest);
  if (before) return terminated(facts, before);
  if (!newest) return lostTermination(facts);
  return restartCountOf(newest) > 0 ? facts.previous?.lastState?.terminated : undefined;
}

function terminated(facts: ContainerFacts, container: Container): ContainerStateTerminated {
  const exitCode = container.exitCode ?? -1;
  const message = facts.message(container.id);
  return {
    exitCode,
    reason: container.oomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
    ...(message && { message }),
    startedAt: seconds(container.startedAtMs),
    finishedAt: seconds(container.finishedAtMs ?? container.startedAtMs),
    containerID: containerId(container),
  };
}

/** A container that was reported but that the runtime has lost (the machine restarted). */
function lostTermination({ previous }: ContainerFacts): ContainerStateTerminated | undefined {
  if (previous?.state?.terminated) return previous.state.terminated;
  if (previous?.lastState?.terminated && !previous.state?.running) return previous.lastState.terminated;
  if (!previous?.state?.running) return undefined;
  return {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was deleted.  The container used to be Running',
    ...(previous.containerID && { containerID: previous.containerID }),
  };
}

/** Promised and in force; of a container that was found running the status tells what is in force. */
function addResources(status: ContainerStatus, { allocated, actual, previous }: ContainerFacts, id: string): void {
  if (allocated?.requests) status.allocatedResources = allocated.requests;
  const known = actual(id);
  status.resources = (known ? known.resources : (previous?.resources ?? allocated)) ?? {};
}

function addMounts(status: ContainerStatus, { volumeMounts }: ContainerDef): void {
  if (volumeMounts?.length) {
    status.volumeMounts = volumeMounts.map((mount) => ({
      name: mount.name,
      mountPath: mount.mountPath,
      ...(mount.readOnly && { readOnly: true, recursiveReadOnly: isRecursive(mount) ? 'Enabled' : 'Disabled' }),
    }));
  }
}

function linuxUser({ uid, gid, additionalGids }: NonNullable<Container['user']>) {
  return { uid, gid, supplementalGroups: additionalGids };
}

/** RFC 3339 in whole seconds, as metav1.Time. */
export const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
