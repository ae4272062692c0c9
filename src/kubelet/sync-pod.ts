import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { PodSpec } from '../api/generated/core-v1.ts';
import { errorChain } from '../base/log.ts';
import type { HostPort } from '../network/network.ts';
import type { Sandbox, SandboxSpec } from '../runtime/runtime.ts';
import { killContainer, killPod } from './kill-container.ts';
import { podLabels } from './labels.ts';
import { type NodeContext, podFacts } from './node-context.ts';
import { type PodActions, planPodActions } from './plan-pod-actions.ts';
import { podBandwidth } from './pod-bandwidth.ts';
import { podCgroupLimits } from './pod-cgroups.ts';
import { hostNetworkHostsFile, hostsFile, podDirs, podHostname, resolvConf } from './pod-files.ts';
import { type PodRecord, specContainer } from './pod-record.ts';
import { currentStatus, podView, readMessages, watchProbes } from './pod-state.ts';
import { actuateResize, allocateResize } from './resize/resize-pod.ts';
import { podCgroup } from './resources.ts';
import { restartAll } from './restart-all.ts';
import { isSidecar } from './restart-policy.ts';
import { runtimeHandler } from './runtime-handler.ts';
import { markComplete } from './sandbox-mark.ts';
import { startContainer } from './start-container.ts';
import { podSysctls } from './sysctls.ts';
import type { ReadyVolume } from './volumes/volume.ts';

const retryMs = 2000;
/** A resize that found no room is tried again after this long, if no Pod ends before. */
const pendingResizeMs = 10_000;

/**
 * Brings one Pod to what its spec wants (kubelet SyncPod and kuberuntime SyncPod):
 * 1. fail the Pod if it has passed its deadline, 2. see what is there and plan, 3. tell the API, 4. stop what must not
 * go on, 5. cgroup and volumes, 6. sandbox and network, 7. init containers, 8. containers, 9. probes, 10. tell the API.
 * Resolves with the milliseconds after which to look again, undefined if only an event can change something.
 */
export async function syncPod(node: NodeContext, record: PodRecord): Promise<number | undefined> {
  await record.admission;
  const untilDeadline = checkDeadline(node, record);
  const { phase } = node.status.get(record.pod);
  const over = phase === 'Succeeded' || phase === 'Failed';
  if (record.failure || record.finished || over) return finish(node, record);
  await readMessages(node, record);
  // Containers of before a restart of the kubelet: their probes are there from the first look, with what they last said.
  if (record.adopted.size > 0) watchProbes(node, record);
  allocateResize(node, record);
  const plan = planPodActions(podView(node, record));
  if (plan.killPod) return finish(node, record);
  if (plan.restartAll) return soonest(await restartAll(node, record, plan.restartAll), untilDeadline);
  const idle = !plan.createSandbox && !startsOf(plan).length && !plan.kill.length;
  report(node, record, idle);

  await stopContainers(node, record, plan);
  let again: number | undefined;
  const volumes = await prepare(node, record);
  if (!volumes) again = retryMs;
  else if (!idle) again = await startAll(node, record, plan, volumes);
  await actuateResize(node, record);

  watchProbes(node, record);
  report(node, record, true);
  if (record.resize.inProgress) again = soonest(again, retryMs);
  if (record.resize.pending) again = soonest(again, pendingResizeMs);
  return soonest(again, untilDeadline);
}

const startsOf = (plan: PodActions): string[] => [...plan.startEphemeral, ...plan.startInit, ...plan.start];

const soonest = (...times: (number | undefined)[]): number | undefined => {
  const known = times.filter((time) => time !== undefined);
  return known.length ? Math.min(...known) : undefined;
};

/** spec.activeDeadlineSeconds, from status.startTime (kubelet active_deadline.go). */
function checkDeadline(node: NodeContext, record: PodRecord): number | undefined {
  const { activeDeadlineSeconds } = record.pod.spec;
  if (activeDeadlineSeconds === undefined || record.failure || record.finished) return undefined;
  const { startTime } = node.status.get(record.pod);
  const startMs = startTime ? Date.parse(startTime) : record.firstSeenMs;
  const leftMs = startMs + activeDeadlineSeconds * 1000 - node.clock.now();
  if (leftMs > 0) return leftMs;
  const message = 'Pod was active on the node longer than the specified deadline';
  node.events.event(record.pod, 'Normal', 'DeadlineExceeded', message);
  record.failure = { reason: 'DeadlineExceeded', message };
  return undefined;
}

/** Step 3 and 10. What is about to change, or a Pod that is only being made, may be reported late. */
function report(node: NodeContext, record: PodRecord, settled: boolean): void {
  const status = currentStatus(node, record);
  const waiting = status.phase === 'Pending' && record.waiting.size === 0;
  node.status.set(record.pod, status, { lazy: !settled || waiting });
}

async function stopContainers(node: NodeContext, record: PodRecord, plan: PodActions): Promise<void> {
  await Promise.all(
    plan.kill.map(async ({ id, name, message, reason }) => {
      const container = node.runtime.container(id);
      if (!container) return;
      const definition = specContainer(record.pod, name)?.definition;
      const probe =
        reason === 'liveness' ? definition?.livenessProbe : reason === 'startup' ? definition?.startupProbe : undefined;
      const graceSeconds = probe?.terminationGracePeriodSeconds ?? record.pod.spec.terminationGracePeriodSeconds ?? 30;
      node.probes.forget(id);
      await killContainer(node, record, container, { message, graceSeconds });
    }),
  );
  if (plan.kill.length) await readMessages(node, record);
}

/** Step 5: undefined if a volume is not ready. */
async function prepare(node: NodeContext, record: PodRecord): Promise<Map<string, ReadyVolume> | undefined> {
  const { pod } = record;
  try {
    return await node.volumes.setUp(pod, podDirs(node.paths, pod), podFacts(node, record));
  } catch (error) {
    node.events.event(pod, 'Warning', 'FailedMount', error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** Steps 6 to 8, again and again until nothing is left that can be started now. */
async function startAll(
  node: NodeContext,
  record: PodRecord,
  first: PodActions,
  volumes: ReadonlyMap<string, ReadyVolume>,
): Promise<number | undefined> {
  if (!record.sandbox && !(await makeSandbox(node, record))) return retryMs;
  let plan = first.createSandbox ? planPodActions(podView(node, record)) : first;
  for (;;) {
    const names = startsOf(plan);
    const waits: (number | undefined)[] = [];
    // One after the other: a Pod's containers start in the order of the spec, and postStart holds up the next.
    for (const name of names) {
      if (record.terminating) return undefined;
      waits.push(await startContainer(node, record, name, volumes));
    }
    if (names.length === 0 || waits.some((wait) => wait !== undefined)) return soonest(...waits);
    plan = planPodActions(podView(node, record));
    if (plan.killPod || plan.restartAll || plan.kill.length) return 0;
  }
}

async function makeSandbox(node: NodeContext, record: PodRecord): Promise<boolean> {
  try {
    const handler = await runtimeHandler(node, record);
    await node.starts.run(async () => {
      if (record.terminating) return;
      await createSandbox(node, record, handler);
    });
    return record.sandbox !== undefined;
  } catch (error) {
    node.log.warn('cannot create pod sandbox', { pod: record.pod.metadata.name, error });
    const text = `Failed to create pod sandbox: ${errorChain(error)}`;
    node.events.event(record.pod, 'Warning', 'FailedCreatePodSandBox', text);
    return false;
  }
}

async function createSandbox(node: NodeContext, record: PodRecord, handler: string | undefined): Promise<void> {
  const { pod } = record;
  const { spec } = pod;
  const cgroup = podCgroup(node.paths.cgroup, pod);
  const { hostname, domain } = podHostname(pod, node.clusterDomain);
  const id = randomBytes(32).toString('hex');
  await node.linux.cgroups.create(cgroup, podCgroupLimits(node.configuration, record.allocatedPod.spec));
  const sandbox = await makeNamespaces(node, spec, {
    id,
    labels: podLabels(pod),
    // A Pod on the host's network has the host's name.
    hostname: spec.hostNetwork ? os.hostname() : hostname,
    cgroup,
    host: { net: spec.hostNetwork ?? false, ipc: spec.hostIPC ?? false, pid: spec.hostPID ?? false },
    ...(spec.shareProcessNamespace && { sharePid: true }),
    sysctls: podSysctls(spec),
    ...(handler && { handler }),
  });
  try {
    if (sandbox.namespaces.net && !spec.hostNetwork) {
      const { ip } = await node.network.attach(id, sandbox.namespaces.net, hostPorts(spec), podBandwidth(pod));
      record.podIPs = [ip];
      await node.isolation?.protect(pod, ip);
    } else {
      record.podIPs = [node.nodeAddress];
    }
    await writePodFiles(node, record, hostname, domain);
    markComplete(podDirs(node.paths, pod).run, id);
  } catch (error) {
    await node.network.detach(id);
    await node.runtime.removeSandbox(id);
    throw error;
  }
  record.sandbox = sandbox;
}

function makeNamespaces(node: NodeContext, { hostUsers }: PodSpec, sandbox: SandboxSpec): Promise<Sandbox> {
  if (hostUsers !== false) return node.runtime.createSandbox(sandbox);
  return node.userNamespaces.with((userNamespace) => node.runtime.createSandbox({ ...sandbox, userNamespace }));
}

/** The ports of the node that lead to the Pod. */
function hostPorts({ containers, initContainers = [] }: PodSpec): HostPort[] {
  const ports = [...initContainers.filter(isSidecar), ...containers].flatMap((container) => container.ports ?? []);
  return ports.flatMap(({ hostPort, hostIP, containerPort, protocol = 'TCP' }) =>
    hostPort
      ? [{ hostPort, containerPort, protocol: protocol as HostPort['protocol'], ...(hostIP && { hostIP }) }]
      : [],
  );
}

/** /etc/hosts, /etc/resolv.conf and /etc/hostname, shared by the Pod's containers. */
async function writePodFiles(node: NodeContext, record: PodRecord, hostname: string, domain: string): Promise<void> {
  const { pod } = record;
  const { run } = podDirs(node.paths, pod);
  const resolver = await node.hostResolver();
  const { hostNetwork } = pod.spec;
  const hosts = hostNetwork ? await hostNetworkHostsFile(pod) : hostsFile(pod, record.podIPs, hostname, domain);
  // Synchronous, as the directory is on tmpfs: a call costs microseconds there, a trip through the thread pool more.
  mkdirSync(run, { recursive: true, mode: 0o755 });
  writeFileSync(path.join(run, 'etc-hosts'), hosts, { mode: 0o644 });
  writeFileSync(path.join(run, 'etc-resolv.conf'), resolvConf(pod, node, resolver), { mode: 0o644 });
  writeFileSync(path.join(run, 'etc-hostname'), `${hostNetwork ? os.hostname() : hostname}\n`, { mode: 0o644 });
}

/** The Pod has run its course, or must not run: nothing of it goes on; its logs and exit codes stay until it is deleted. */
async function finish(node: NodeContext, record: PodRecord): Promise<undefined> {
  const graceSeconds = record.failure?.graceSeconds ?? record.pod.spec.terminationGracePeriodSeconds ?? 30;
  if (!record.finished) {
    node.probes.stopPod(record.uid);
    await killPod(node, record, graceSeconds);
    await node.volumes.unmount(record.uid, podDirs(node.paths, record.pod), record.pod.spec);
    record.finished = true;
    if (record.sandbox) await node.network.detach(record.sandbox.spec.id);
  }
  record.waiting.clear();
  await readMessages(node, record);
  for (const container of record.allContainers(node.runtime)) node.probes.forget(container.id);
  node.status.set(record.pod, currentStatus(node, record, { terminal: true }));
  return undefined;
}
