import type { Container as ContainerDef, Pod, ResourceRequirements } from '../api/generated/core-v1.ts';
import type { Container, Runtime, Sandbox } from '../runtime/runtime.ts';
import { type ContainerRole, containerNameOf, restartCountOf } from './labels.ts';
import {
  type Allocation,
  allocatedSpec,
  allocationFromStatus,
  allocationOf,
  isAllocated,
} from './resize/allocation.ts';
import type { PendingResize } from './resize/plan-resize.ts';

/** Why a container does not run yet. */
export interface WaitingReason {
  reason: string;
  message: string;
}

/** Why the Pod as a whole has failed, decided by the kubelet and not by its containers. */
export interface PodFailure {
  reason: string;
  message: string;
  /** How long its containers get to end. @default the Pod's own */
  graceSeconds?: number;
  /** The Pod did nothing wrong: the kubelet ends it for the node's sake (KEP-3329). */
  disruption?: boolean;
}

/** Everything the node remembers of one Pod between two looks at it. Only the Pod's own worker changes it. */
export class PodRecord {
  readonly uid: string;
  /** The newest object from the API; for an orphan, one made from labels. */
  pod: Pod;
  /** The Pod is no longer in the API, or was never. */
  gone = false;
  /** The sandbox in which its containers run, once there is one. */
  sandbox: Sandbox | undefined;
  /** Addresses of the Pod; kept after its network is gone. */
  podIPs: string[] = [];
  /** Container ids by container name, newest first. Ids that the runtime no longer knows are dropped on reading. */
  readonly #ids = new Map<string, string[]>();
  /** Why containers wait, by name; cleared when they start. */
  readonly waiting = new Map<string, WaitingReason>();
  /** Exit messages by container id, read once. */
  readonly messages = new Map<string, string>();
  /** Ids of containers whose postStart hook is done. */
  readonly hooked = new Set<string>();
  /** What the node has promised; undefined as long as that is what the spec asks for. */
  allocation: Allocation | undefined;
  /** Requests and limits in force, by container id; unknown for containers found running. */
  readonly actual = new Map<string, ResourceRequirements | undefined>();
  /** A resize that waits to be promised, and one that is being put into force. */
  resize: { pending?: PendingResize | undefined; inProgress?: { reason?: string; message?: string } | undefined } = {};
  /** Ids of containers that ran before this process did. */
  readonly adopted = new Set<string>();
  /** Passed the node's admission. Containers that were found running count as admitted. */
  admitted = false;
  /** Set while the admission waits for news; nothing is done for the Pod before it is over. */
  admission: Promise<void> | undefined;
  /** Set once the kubelet itself ends the Pod (rejected, evicted, deadline). */
  failure: PodFailure | undefined;
  /** The Pod has run its course and nothing of it will start again. */
  finished = false;
  /** Aborted once the Pod is to end, for work that may take long: pulls. */
  readonly ending = new AbortController();
  /** When the kubelet first saw the Pod, for status.startTime. */
  readonly firstSeenMs: number;

  constructor(pod: Pod, now: number) {
    this.pod = pod;
    this.uid = pod.metadata.uid;
    this.firstSeenMs = now;
  }

  /** Takes a newer object. What the node has promised stays as it was. */
  update(pod: Pod): void {
    this.allocation ??= isAllocated(pod.spec, allocationOf(this.pod.spec)) ? undefined : allocationOf(this.pod.spec);
    this.pod = pod;
  }

  /** The Pod with what the node has promised it. */
  get allocatedPod(): Pod {
    return this.allocation ? { ...this.pod, spec: allocatedSpec(this.pod.spec, this.allocation) } : this.pod;
  }

  get terminating(): boolean {
    return this.gone || this.pod.metadata.deletionTimestamp !== undefined;
  }

  addContainer(name: string, id: string): void {
    this.#ids.set(name, [id, ...(this.#ids.get(name) ?? [])]);
  }

  /** Takes containers that the runtime found after a restart. */
  adopt(containers: Container[]): void {
    for (const container of containers.toSorted(
      (a, b) => restartCountOf(a) - restartCountOf(b) || a.createdAtMs - b.createdAtMs,
    )) {
      this.addContainer(containerNameOf(container), container.id);
      this.hooked.add(container.id);
      this.adopted.add(container.id);
      const known = this.#toldResources(container);
      if (known) this.actual.set(container.id, known);
    }
    if (containers.length === 0) return;
    this.admitted = true;
    const told = allocationFromStatus(this.pod);
    if (!isAllocated(this.pod.spec, told)) this.allocation = told;
  }

  /** What the API was told to be in force in a container. */
  #toldResources(container: Container): ResourceRequirements | undefined {
    const { containerStatuses = [], initContainerStatuses = [] } = this.pod.status ?? {};
    const statuses = [...containerStatuses, ...initContainerStatuses];
    return statuses.find(({ containerID }) => containerID?.endsWith(container.id))?.resources;
  }

  /** All containers of one name, newest first. */
  attempts(runtime: Runtime, name: string): Container[] {
    return (this.#ids.get(name) ?? []).map((id) => runtime.container(id)).filter((found) => found !== undefined);
  }

  /** The newest container of a name in the current sandbox. */
  current(runtime: Runtime, name: string): Container | undefined {
    const newest = this.attempts(runtime, name)[0];
    return newest && newest.sandboxId === this.sandbox?.spec.id ? newest : undefined;
  }

  /** Every container of the Pod that the runtime knows. */
  allContainers(runtime: Runtime): Container[] {
    return [...this.#ids.keys()].flatMap((name) => this.attempts(runtime, name));
  }

  get hasRun(): boolean {
    return this.#ids.size > 0;
  }

  dropContainer(name: string, id: string): void {
    this.#ids.set(
      name,
      (this.#ids.get(name) ?? []).filter((other) => other !== id),
    );
    this.messages.delete(id);
    this.actual.delete(id);
    this.hooked.delete(id);
  }
}

/** A container of the spec with its role. */
export interface SpecContainer {
  definition: ContainerDef;
  role: ContainerRole;
}

export function specContainer(pod: Pod, name: string): SpecContainer | undefined {
  const { spec } = pod;
  const of = (list: ContainerDef[] | undefined, role: ContainerRole) => {
    const definition = list?.find((container) => container.name === name);
    return definition && { definition, role };
  };
  return of(spec.containers, 'regular') ?? of(spec.initContainers, 'init') ?? of(spec.ephemeralContainers, 'ephemeral');
}

/** involvedObject.fieldPath of a container (kubelet container/ref.go). */
export function fieldPath(pod: Pod, name: string): string {
  const role = specContainer(pod, name)?.role;
  const list = role === 'init' ? 'initContainers' : role === 'ephemeral' ? 'ephemeralContainers' : 'containers';
  return `spec.${list}{${name}}`;
}
