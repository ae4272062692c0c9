import type { Container as ContainerDef, PodSpec } from '../../api/generated/core-v1.ts';
import { errorChain } from '../../base/log.ts';
import type { Container } from '../../runtime/runtime.ts';
import { resourcesOnNode } from '../container-resources.ts';
import type { NodeContext } from '../node-context.ts';
import { podCgroupLimits } from '../pod-cgroups.ts';
import type { PodRecord } from '../pod-record.ts';
import { wholeValue } from '../quantity.ts';
import { isSidecar } from '../restart-policy.ts';
import { allocationOf, changedResources, isAllocated, sameResources } from './allocation.ts';
import { planResize } from './plan-resize.ts';

/** Promises a Pod what its spec asks for now, if the node has room for it; else notes why not (KEP-1287). */
export function allocateResize(node: NodeContext, record: PodRecord): void {
  const { pod, allocation } = record;
  if (!allocation) return;
  if (isAllocated(pod.spec, allocation)) {
    record.resize.pending = undefined;
    return;
  }
  const pending = planResize(pod, node.use(record));
  if (!pending) {
    record.allocation = allocationOf(pod.spec);
    record.resize = { inProgress: {} };
    node.events.event(pod, 'Normal', 'ResizeStarted', `Pod resize started: ${describe(record)}`);
    return;
  }
  const { reason, message } = pending;
  if (record.resize.pending?.message !== message)
    node.events.event(pod, 'Warning', `Resize${reason}`, `Pod resize ${reason}: ${describe(record, message)}`);
  record.resize.pending = pending;
}

/** Whether what was promised to a running container is put into force by a restart (its resizePolicy). */
export function needsRestart(record: PodRecord, definition: ContainerDef, container: Container): boolean {
  if (!record.allocation || container.state !== 'running') return false;
  const changed = changedResources(record.actual.get(container.id), definition.resources);
  return (definition.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) => restartPolicy === 'RestartContainer' && changed.includes(resourceName),
  );
}

/** Puts into force what was promised: the Pod's cgroup makes room first and is tightened last. */
export async function actuateResize(node: NodeContext, record: PodRecord): Promise<void> {
  const { inProgress } = record.resize;
  if (!inProgress || !record.sandbox) return;
  const { spec } = record.allocatedPod;
  const left = outstanding(node, record, spec);
  const { cgroup } = record.sandbox.spec;
  try {
    if (left.length > 0) await node.linux.cgroups.update(cgroup, { cpuQuota: -1, memoryBytes: -1 });
    for (const { definition, container } of left) {
      if (needsRestart(record, definition, container)) return;
      await requireRoom(node, definition, container);
      await node.runtime.updateContainer(container.id, resourcesOnNode(node, definition, spec));
      record.actual.set(container.id, definition.resources);
    }
    await node.linux.cgroups.update(cgroup, {
      cpuQuota: -1,
      memoryBytes: -1,
      ...podCgroupLimits(node.configuration, spec),
    });
  } catch (error) {
    const message = errorChain(error);
    if (inProgress.message !== message)
      node.events.event(record.pod, 'Warning', 'ResizeError', `Pod resize error: ${describe(record, message)}`);
    record.resize.inProgress = { reason: 'Error', message };
    return;
  }
  record.resize.inProgress = undefined;
  node.events.event(record.pod, 'Normal', 'ResizeCompleted', `Pod resize completed: ${describe(record)}`);
}

/** Running containers that have something else than was promised. */
function outstanding(node: NodeContext, record: PodRecord, spec: PodSpec) {
  const all = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
  return all.flatMap((definition) => {
    const container = record.current(node.runtime, definition.name);
    const done = container?.state !== 'running' || sameResources(record.actual.get(container.id), definition.resources);
    return done ? [] : [{ definition, container }];
  });
}

/** A limit below what is in use would have the kernel kill (kuberuntime validateMemoryResizeAction). */
async function requireRoom(node: NodeContext, { name, resources }: ContainerDef, { id }: Container): Promise<void> {
  const limit = wholeValue(resources?.limits?.memory);
  if (limit === 0) return;
  const used = (await node.runtime.stats(id))?.memoryBytes ?? 0;
  if (limit < used)
    throw new Error(`attempting to set container "${name}" memory limit (${limit}) below current usage (${used})`);
}

/** What the Events tell (kubelet events PodResizeStartedMsg). */
function describe({ pod }: PodRecord, error?: string): string {
  const sized = (list: ContainerDef[] = []) => list.map(({ name, resources }) => ({ name, resources }));
  const initContainers = sized(pod.spec.initContainers?.filter(isSidecar));
  return JSON.stringify({
    ...(initContainers.length > 0 && { initContainers }),
    containers: sized(pod.spec.containers),
    generation: pod.metadata.generation,
    ...(error && { error }),
  });
}
