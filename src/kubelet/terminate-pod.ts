import { rm } from 'node:fs/promises';
import { pods } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import { killPod } from './kill-container.ts';
import type { NodeContext } from './node-context.ts';
import { podDirs } from './pod-files.ts';
import type { PodRecord } from './pod-record.ts';
import { currentStatus, readMessages } from './pod-state.ts';
import { podCgroup } from './resources.ts';

/**
 * Ends a Pod for good (kubelet SyncTerminatingPod and SyncTerminatedPod):
 * 1. probes off, 2. preStop hooks and signals, 3. final status, 4. network, sandbox and containers, 5. volumes and
 * files, 6. cgroup, 7. the object itself, with grace 0.
 */
export async function terminatePod(node: NodeContext, record: PodRecord): Promise<void> {
  node.probes.stopPod(record.uid);
  await killPod(node, record, graceSeconds(record));
  await readMessages(node, record);
  record.waiting.clear();
  if (!record.gone) node.status.set(record.pod, currentStatus(node, record, { terminal: true }));
  record.finished = true;
  await Promise.all([cleanUp(node, record), record.gone ? undefined : node.status.whenWritten(record.uid)]);
  if (!record.gone) await deleteObject(node, record);
  node.status.forget(record.uid);
  node.crashLoop.forgetPod(record.uid);
}

/** The grace that the deletion asked for; a Pod that vanished from the API gets its own, but for the least (pod_workers.go calculateEffectiveGracePeriod). */
export function graceSeconds({ pod }: PodRecord): number {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const own = pod.spec.terminationGracePeriodSeconds ?? 30;
  return Math.max(1, deletionTimestamp ? (deletionGracePeriodSeconds ?? own) : own);
}

async function cleanUp(node: NodeContext, record: PodRecord): Promise<void> {
  const { pod, sandbox } = record;
  for (const container of record.allContainers(node.runtime)) node.probes.forget(container.id);
  if (sandbox) {
    await node.network.detach(sandbox.spec.id);
    await node.runtime.removeSandbox(sandbox.spec.id);
    record.sandbox = undefined;
  }
  const dirs = podDirs(node.paths, pod);
  await node.volumes.tearDown(record.uid, dirs, pod.spec.containers.length ? pod.spec : undefined);
  await Promise.all([
    node.linux.cgroups.remove(sandbox?.spec.cgroup ?? podCgroup(node.paths.cgroup, pod)),
    rm(dirs.logs, { recursive: true, force: true }),
  ]);
}

async function deleteObject(node: NodeContext, { pod, uid }: PodRecord): Promise<void> {
  const { name, namespace } = pod.metadata;
  try {
    await node.client.delete(pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (error) {
    // Already gone, or a new Pod has taken the name.
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
  }
}
