import type { Container as ContainerDef, LifecycleHandler } from '../api/generated/core-v1.ts';
import type { NodeContext } from './node-context.ts';
import { probeHttp } from './probes/http-probe.ts';
import { resolvePort } from './probes/probe.ts';
import { probeTcp } from './probes/tcp-probe.ts';

/** Runs a postStart or preStop handler to its end; rejects when it fails (kubelet lifecycle/handlers.go). A timeout of 0 is none. */
export async function runHook(
  node: NodeContext,
  hook: LifecycleHandler,
  target: { definition: ContainerDef; containerId: string; podIP: string; timeoutMs: number },
): Promise<void> {
  const { definition, containerId, podIP, timeoutMs } = target;
  if (hook.exec) {
    const command = hook.exec.command ?? [];
    const result = await node.runtime.exec(containerId, command, timeoutMs > 0 ? { timeoutMs } : {});
    if (result.timedOut) throw new Error(`command '${command.join(' ')}' timed out`);
    if (result.exitCode === 0) return;
    const output = result.stderr || result.stdout;
    throw new Error(`command '${command.join(' ')}' exited with ${result.exitCode}: ${output}`);
  }
  if (hook.sleep) return new Promise((resolve) => void node.clock.after((hook.sleep?.seconds ?? 0) * 1000, resolve));
  if (hook.httpGet) {
    const result = await probeHttp(hook.httpGet, definition, podIP, timeoutMs, 'kube-lifecycle/1.36');
    if (!result.success) throw new Error(result.output);
  } else if (hook.tcpSocket) {
    const port = resolvePort(hook.tcpSocket.port, definition);
    const result = await probeTcp(hook.tcpSocket.host || podIP, port, timeoutMs);
    if (!result.success) throw new Error(result.output);
  }
}
