import { randomBytes } from 'node:crypto';
import { errorChain } from '../base/log.ts';
import { type Container, ContainerError } from '../runtime/runtime.ts';
import { containerSpec } from './container-spec.ts';
import { goDuration } from './crash-loop.ts';
import { ImageUnavailable } from './images/image-manager.ts';
import { killContainer } from './kill-container.ts';
import { containerHash, formatPod, restartCountOf } from './labels.ts';
import { runHook } from './lifecycle-hook.ts';
import { containerEvent, type NodeContext } from './node-context.ts';
import { podDirs } from './pod-files.ts';
import { type PodRecord, type SpecContainer, specContainer } from './pod-record.ts';
import { removeContainer } from './remove-container.ts';
import type { ReadyVolume } from './volumes/volume.ts';

/** How long after a failed start the next try comes, unless a back-off says otherwise (kubelet backOffPeriod). */
const retryMs = 10_000;

/**
 * Starts one container, or says in the record why it waits (kuberuntime startContainer):
 * 1. back-off after crashes, 2. image, 3. configuration, 4. create and start, 5. postStart hook.
 * Resolves with the milliseconds after which to try again, undefined if it runs.
 */
export async function startContainer(
  node: NodeContext,
  record: PodRecord,
  name: string,
  volumes: ReadonlyMap<string, ReadyVolume>,
): Promise<number | undefined> {
  const { pod } = record;
  const spec = specContainer(record.allocatedPod, name);
  if (!spec) return undefined;
  const last = record.attempts(node.runtime, name)[0];
  const waitMs = backOff(node, record, spec, last);
  if (waitMs !== undefined) return waitMs;
  try {
    const image = await node.images.ensure(pod, spec.definition, record.ending.signal);
    await ensureImageVolumes(node, record, spec);
    await node.starts.run(() => createAndStart(node, record, spec, last, image, volumes), { first: true });
  } catch (error) {
    return record.terminating ? undefined : fail(node, record, name, error);
  }
  record.waiting.delete(name);
  return postStart(node, record, spec);
}

/** Pulls the images that the container mounts as volumes; it waits for them as for its own (kuberuntime getImageVolumes). */
async function ensureImageVolumes(node: NodeContext, { pod, ending }: PodRecord, { definition }: SpecContainer) {
  const mounted = new Set(definition.volumeMounts?.map((mount) => mount.name));
  for (const volume of pod.spec.volumes ?? []) {
    if (!volume.image || !mounted.has(volume.name)) continue;
    const { reference, pullPolicy } = volume.image;
    const wanted = { ...definition, image: reference ?? '', imagePullPolicy: pullPolicy };
    const image = await node.images.ensure(pod, wanted, ending.signal);
    await node.volumes.setUpImage(pod, podDirs(node.paths, pod), volume, image);
  }
}

/** CrashLoopBackOff: how long the container must wait yet. */
export function backOff(
  node: NodeContext,
  record: PodRecord,
  { definition }: SpecContainer,
  last: Container | undefined,
) {
  if (last?.state !== 'exited' || last.sandboxId !== record.sandbox?.spec.id) return undefined;
  const key = `${record.uid}/${definition.name}/${containerHash(definition)}`;
  const finishedAtMs = last.finishedAtMs ?? node.clock.now();
  const wait = node.crashLoop.waiting(key, finishedAtMs);
  if (!wait) {
    node.crashLoop.restarted(key, finishedAtMs);
    return undefined;
  }
  const { pod } = record;
  const text = `Back-off restarting failed container ${definition.name} in pod ${formatPod(pod)}`;
  containerEvent(node, pod, definition.name, 'Warning', 'BackOff', text);
  record.waiting.set(definition.name, {
    reason: 'CrashLoopBackOff',
    message: `back-off ${goDuration(wait.delayMs)} restarting failed container=${definition.name} pod=${formatPod(pod)}`,
  });
  return wait.leftMs;
}

async function createAndStart(
  node: NodeContext,
  record: PodRecord,
  { definition, role }: SpecContainer,
  last: Container | undefined,
  image: Awaited<ReturnType<NodeContext['images']['ensure']>>,
  volumes: ReadonlyMap<string, ReadyVolume>,
): Promise<void> {
  const { pod } = record;
  const id = randomBytes(32).toString('hex');
  const restartCount = last ? restartCountOf(last) + 1 : lostRestarts(node, record, definition.name);
  const spec = await containerSpec(node, record, { id, definition, role, restartCount, image, volumes }).catch(
    (error: unknown) => {
      throw new ContainerError('CreateContainerConfigError', errorChain(error));
    },
  );
  record.addContainer(definition.name, id);
  try {
    await node.runtime.startContainer(spec);
    record.actual.set(id, definition.resources);
  } catch (error) {
    // What never ran is no attempt: the next one has the same restart count.
    record.dropContainer(definition.name, id);
    await node.runtime.removeContainer(id).catch(() => {});
    throw error;
  }
  containerEvent(node, pod, definition.name, 'Normal', 'Created', 'Container created');
  containerEvent(node, pod, definition.name, 'Normal', 'Started', 'Container started');
  await pruneAttempts(node, record, definition.name);
}

/** The count goes on for a container that the API knows and the runtime has lost. */
function lostRestarts(node: NodeContext, { pod }: PodRecord, name: string): number {
  const status = node.status.get(pod);
  const reported = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ].find((one) => one.name === name);
  const hasRun = reported?.containerID ?? reported?.lastState?.terminated;
  return hasRun ? reported!.restartCount + 1 : (reported?.restartCount ?? 0);
}

/** Keeps the one before for its log and exit code (maximum-dead-containers-per-container is 1). */
async function pruneAttempts(node: NodeContext, record: PodRecord, name: string): Promise<void> {
  for (const old of record.attempts(node.runtime, name).slice(2))
    if (old.state === 'exited') await removeContainer(node, record, old);
}

function fail(node: NodeContext, record: PodRecord, name: string, error: unknown): number {
  if (error instanceof ImageUnavailable) {
    record.waiting.set(name, { reason: error.reason, message: error.message });
    containerEvent(node, record.pod, name, 'Warning', 'Failed', `Error: ${error.reason}`);
    return error.retryMs;
  }
  const reason = error instanceof ContainerError ? error.reason : 'CreateContainerError';
  // A ContainerError's message is whole.
  const text = error instanceof ContainerError ? error.message : errorChain(error);
  record.waiting.set(name, { reason, message: text });
  containerEvent(node, record.pod, name, 'Warning', 'Failed', `Error: ${text}`);
  if (reason !== 'CreateContainerConfigError')
    node.log.warn('cannot start container', { pod: record.pod.metadata.name, container: name, error });
  return retryMs;
}

async function postStart(
  node: NodeContext,
  record: PodRecord,
  { definition }: SpecContainer,
): Promise<number | undefined> {
  const container = record.current(node.runtime, definition.name);
  if (!container) return undefined;
  const hook = definition.lifecycle?.postStart;
  if (hook) {
    const podIP = record.podIPs[0] ?? node.nodeAddress;
    try {
      await runHook(node, hook, { definition, containerId: container.id, podIP, timeoutMs: 0 });
    } catch (error) {
      const { pod } = record;
      const message = `PostStartHook failed: ${errorChain(error)}`;
      containerEvent(node, pod, definition.name, 'Warning', 'FailedPostStartHook', message);
      record.waiting.set(definition.name, { reason: 'PostStartHookError', message: errorChain(error) });
      const graceSeconds = pod.spec.terminationGracePeriodSeconds ?? 30;
      await killContainer(node, record, container, { message: 'FailedPostStartHook', graceSeconds });
      return 0;
    }
  }
  record.hooked.add(container.id);
  return undefined;
}
