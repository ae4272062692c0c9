import type { Container as ContainerDef, Probe } from '../../api/generated/core-v1.ts';
import { errorChain } from '../../base/log.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { probeGrpc } from './grpc-probe.ts';
import { probeHttp } from './http-probe.ts';
import { type ProbeResult, resolvePort } from './probe.ts';
import { probeTcp } from './tcp-probe.ts';

/** Makes one attempt of a probe (kubelet prober/prober.go runProbe). */
export async function probeOnce(
  runtime: Runtime,
  probe: Probe,
  target: { container: ContainerDef; containerId: string; podIP: string },
): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const { container, containerId, podIP } = target;
  try {
    if (probe.exec) return await probeExec(runtime, containerId, probe.exec.command ?? [], timeoutMs);
    if (probe.httpGet) return await probeHttp(probe.httpGet, container, podIP, timeoutMs);
    if (probe.tcpSocket)
      return await probeTcp(probe.tcpSocket.host || podIP, resolvePort(probe.tcpSocket.port, container), timeoutMs);
    if (probe.grpc) return await probeGrpc(podIP, probe.grpc.port, probe.grpc.service ?? '', timeoutMs);
    return { success: false, error: true, output: `missing probe handler for ${container.name}` };
  } catch (error) {
    return { success: false, error: true, output: errorChain(error) };
  }
}

async function probeExec(runtime: Runtime, id: string, command: string[], timeoutMs: number): Promise<ProbeResult> {
  const { exitCode, stdout, stderr, timedOut } = await runtime.exec(id, command, { timeoutMs });
  if (timedOut)
    return { success: false, output: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s` };
  return { success: exitCode === 0, output: (stdout + stderr).slice(0, 10 * 1024) };
}
