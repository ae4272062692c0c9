import type { Container as ContainerDef } from '../api/generated/core-v1.ts';
import { errorChain } from '../base/log.ts';
import type { Container } from '../runtime/runtime.ts';
import { containerNameOf } from './labels.ts';
import { runHook } from './lifecycle-hook.ts';
import { containerEvent, type NodeContext } from './node-context.ts';
import { type PodRecord, specContainer } from './pod-record.ts';
import { isSidecar } from './restart-policy.ts';

/** A container always has this long to end, however short its grace (kuberuntime minimumGracePeriodInSeconds). */
const leastGraceSeconds = 2;

/** Stops one container: Event, preStop hook, signal, wait, SIGKILL (kuberuntime killContainer). */
export async function killContainer(
  node: NodeContext,
  record: PodRecord,
  container: Container,
  { message, graceSeconds }: { message?: string; graceSeconds: number },
): Promise<void> {
  if (container.state === 'exited') return;
  const name = containerNameOf(container);
  const { pod } = record;
  containerEvent(node, pod, name, 'Normal', 'Killing', message ?? `Stopping container ${name}`);
  const definition = specContainer(pod, name)?.definition;
  const startMs = node.clock.steady();
  const preStop = definition?.lifecycle?.preStop;
  if (definition && preStop && graceSeconds > 0) await preStopHook(node, record, container, definition, graceSeconds);
  const leftSeconds = graceSeconds - (node.clock.steady() - startMs) / 1000;
  // A grace of 0 is force: nothing is waited for.
  const graceMs = graceSeconds === 0 ? 0 : Math.max(leastGraceSeconds, leftSeconds) * 1000;
  const signal = definition?.lifecycle?.stopSignal;
  await node.runtime.stopContainer(container.id, { graceMs, ...(signal && { signal }) });
}

async function preStopHook(
  node: NodeContext,
  record: PodRecord,
  container: Container,
  definition: ContainerDef,
  graceSeconds: number,
): Promise<void> {
  const { name } = definition;
  let cancel: (() => void) | undefined;
  const deadline = new Promise<'late'>((resolve) => {
    cancel = node.clock.after(graceSeconds * 1000, () => resolve('late'));
  });
  const hook = runHook(node, definition.lifecycle!.preStop!, {
    definition,
    containerId: container.id,
    podIP: record.podIPs[0] ?? node.nodeAddress,
    timeoutMs: graceSeconds * 1000,
  }).catch((error: unknown) => {
    const text = `PreStopHook failed: ${errorChain(error)}`;
    containerEvent(node, record.pod, name, 'Warning', 'FailedPreStopHook', text);
  });
  await Promise.race([hook, deadline]);
  cancel?.();
}

/** Stops all containers of a Pod at once; sidecars after the others, last one first (KEP-753). */
export async function killPod(node: NodeContext, record: PodRecord, graceSeconds: number): Promise<void> {
  const startMs = node.clock.steady();
  const running = record.allContainers(node.runtime).filter((container) => container.state !== 'exited');
  const sidecars = (record.pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const isMain = (container: Container) => !sidecars.includes(containerNameOf(container));
  await Promise.all(
    running.filter(isMain).map((container) => killContainer(node, record, container, { graceSeconds })),
  );
  for (const name of sidecars.toReversed()) {
    const left = graceSeconds === 0 ? 0 : Math.max(1, graceSeconds - (node.clock.steady() - startMs) / 1000);
    for (const container of running.filter((one) => containerNameOf(one) === name))
      await killContainer(node, record, container, { graceSeconds: left });
  }
}
