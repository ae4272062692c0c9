import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Container as ContainerDef, EphemeralContainer, Pod } from '../api/generated/core-v1.ts';
import { appArmorProfiles } from '../linux/apparmor.ts';
import { readBeneath } from '../linux/read-beneath.ts';
import type { ContainerSecurity, ContainerSpec, ImageInfo } from '../runtime/runtime.ts';
import { appArmorProfile } from './app-armor.ts';
import { containerDevices, containerMounts } from './container-mounts.ts';
import { resourcesOnNode } from './container-resources.ts';
import { containerEnv } from './env/container-env.ts';
import { expand } from './env/expand.ts';
import { serviceEnv } from './env/service-env.ts';
import { type ContainerRole, containerLabels, formatPod } from './labels.ts';
import { type NodeContext, podFacts } from './node-context.ts';
import { podDirs } from './pod-files.ts';
import type { PodRecord } from './pod-record.ts';
import { oomScoreAdj } from './resources.ts';
import { isStatic } from './static-pods/static-pod.ts';
import type { ReadyVolume } from './volumes/volume.ts';

export interface ContainerStart {
  id: string;
  definition: ContainerDef;
  role: ContainerRole;
  restartCount: number;
  image: ImageInfo;
  volumes: ReadonlyMap<string, ReadyVolume>;
}

/** All that the runtime needs to start a container of a Pod (kuberuntime generateContainerConfig). */
export async function containerSpec(
  node: NodeContext,
  record: PodRecord,
  start: ContainerStart,
): Promise<ContainerSpec> {
  const pod = record.allocatedPod;
  const { id, definition, image, restartCount } = start;
  verifyNonRoot(pod, definition, image);
  const dirs = podDirs(node.paths, pod);
  const { settings } = node.configuration;
  const env = await environment(node, record, start);
  const logDir = path.join(dirs.logs, definition.name);
  const messageFile = path.join(dirs.run, 'containers', definition.name, id.slice(0, 8));
  // Synchronous: the way through the thread pool takes longer.
  mkdirSync(logDir, { recursive: true });
  makeMessageFile(messageFile);
  return {
    id,
    sandboxId: record.sandbox!.spec.id,
    ...targetContainer(node, record, definition),
    labels: containerLabels(pod, definition, start.role, restartCount, messageFile),
    imageId: image.id,
    ...(definition.command && { command: definition.command.map((word) => expand(word, env)) }),
    ...(definition.args && { args: definition.args.map((word) => expand(word, env)) }),
    env: [...env].map(([name, value]) => ({ name, value })),
    ...(definition.workingDir && { workingDir: definition.workingDir }),
    mounts: await containerMounts({ linux: node.linux, definition, volumes: start.volumes, dirs, env }),
    ...containerDevices({ definition, volumes: start.volumes }),
    resources: { ...resourcesOnNode(node, definition, pod.spec), oomGroup: !settings.singleProcessOOMKill },
    security: security(pod, definition, image, node),
    tty: definition.tty ?? false,
    stdin: definition.stdin ?? false,
    stdinOnce: definition.stdinOnce ?? false,
    logPath: path.join(logDir, `${restartCount}.log`),
    terminationMessage: {
      hostPath: messageFile,
      containerPath: definition.terminationMessagePath ?? '/dev/termination-log',
    },
    ...(definition.lifecycle?.stopSignal && { stopSignal: definition.lifecycle.stopSignal }),
    ulimits: node.configuration.ulimits,
    oomScoreAdj: oomScoreAdj(pod.spec, definition, node.machine.memoryBytes),
  };
}

/** An ephemeral container may look at the processes of another (KEP-277). */
function targetContainer(node: NodeContext, record: PodRecord, definition: ContainerDef): { pidsOf?: string } {
  const { targetContainerName: name } = definition as EphemeralContainer;
  if (!name) return {};
  const target = record.current(node.runtime, name);
  if (target?.state !== 'running') throw new Error(`unable to find target container "${name}"`);
  return { pidsOf: target.id };
}

/** Any user inside may write the message. Synchronous, as it is on tmpfs. */
function makeMessageFile(file: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, '');
  chmodSync(file, 0o666);
}

async function environment(
  node: NodeContext,
  record: PodRecord,
  { definition: container, volumes }: ContainerStart,
): Promise<Map<string, string>> {
  const pod = record.allocatedPod;
  // A static Pod starts without the API, and then knows no Services.
  if (!isStatic(pod)) await node.services.whenSynced();
  return containerEnv({
    pod,
    container,
    facts: podFacts(node, record),
    services: serviceEnv(node.services, pod.metadata.namespace ?? '', pod.spec.enableServiceLinks !== false),
    references: {
      configMap: (namespace, name) => node.objects.configMap(record.uid, namespace, name),
      secret: (namespace, name) => node.objects.secret(record.uid, namespace, name),
    },
    volumeFile: (volume, file) => volumeFile(volumes, volume, file),
    invalidKeys: (source, keys) =>
      node.events.event(
        pod,
        'Warning',
        'InvalidEnvironmentVariableNames',
        `Keys [${keys.join(', ')}] from the EnvFrom ${source} were skipped since they are considered invalid environment variable names.`,
      ),
  });
}

/** Most bytes of an environment file (kubelet_pods.go). */
const envFileBytes = 64 << 10;

function volumeFile(volumes: ContainerStart['volumes'], name: string, file: string): string | undefined {
  const volume = volumes.get(name);
  if (!volume) throw new Error(`cannot find the volume "${name}" referenced by FileKeyRef`);
  try {
    return readBeneath(volume.hostPath, file, envFileBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** kubelet security_context.go DetermineEffectiveSecurityContext, container over Pod. */
function security(pod: Pod, definition: ContainerDef, image: ImageInfo, node: NodeContext): ContainerSecurity {
  const ofPod = pod.spec.securityContext ?? {};
  const own = definition.securityContext ?? {};
  const user = own.runAsUser ?? ofPod.runAsUser;
  const group = own.runAsGroup ?? ofPod.runAsGroup;
  const seccomp = own.seccompProfile ?? ofPod.seccompProfile;
  const imageUser = (image.config.User ?? '').split(':')[0] || '0';
  const groups = [...(ofPod.supplementalGroups ?? []), ...(ofPod.fsGroup !== undefined ? [ofPod.fsGroup] : [])];
  const name = user !== undefined ? String(user) : group !== undefined ? imageUser : undefined;
  return {
    privileged: own.privileged ?? false,
    ...(name !== undefined && { user: group !== undefined ? `${name}:${group}` : name }),
    supplementalGroups: groups,
    ...(ofPod.supplementalGroupsPolicy === 'Strict' && { onlyListedGroups: true }),
    capabilities: { add: own.capabilities?.add ?? [], drop: own.capabilities?.drop ?? [] },
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    readOnlyRoot: own.readOnlyRootFilesystem ?? false,
    seccomp: {
      type: own.privileged ? 'Unconfined' : (seccomp?.type ?? 'RuntimeDefault'),
      ...(seccomp?.localhostProfile && {
        path: path.join(node.paths.state, 'kubelet/seccomp', seccomp.localhostProfile),
      }),
    },
    ...(own.procMount && { procMount: own.procMount }),
    ...appArmor(pod, definition),
  };
}

/** A profile that is loaded on the node; admission has seen to it that the kernel has AppArmor. */
function appArmor(pod: Pod, definition: ContainerDef): { apparmor?: string } {
  const { type, localhostProfile } = appArmorProfile(pod, definition) ?? {};
  if (type === 'Unconfined') return { apparmor: 'unconfined' };
  if (type !== 'Localhost' || localhostProfile === undefined) return {};
  if (!appArmorProfiles().includes(localhostProfile)) throw new Error(`apparmor profile not found ${localhostProfile}`);
  return { apparmor: localhostProfile };
}

/** kuberuntime security_context.go verifyRunAsNonRoot. */
function verifyNonRoot(pod: Pod, definition: ContainerDef, image: ImageInfo): void {
  const ofPod = pod.spec.securityContext ?? {};
  const own = definition.securityContext ?? {};
  if (!(own.runAsNonRoot ?? ofPod.runAsNonRoot)) return;
  const where = `(pod: "${formatPod(pod)}", container: ${definition.name})`;
  const user = own.runAsUser ?? ofPod.runAsUser;
  if (user === 0) throw new Error(`container's runAsUser breaks non-root policy ${where}`);
  if (user !== undefined) return;
  const imageUser = (image.config.User ?? '').split(':')[0] ?? '';
  if (imageUser === '' || imageUser === '0')
    throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
  if (!/^\d+$/.test(imageUser))
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root ${where}`,
    );
}
