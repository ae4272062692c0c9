import { createHash } from 'node:crypto';
import type { Container as ContainerDef, Pod } from '../api/generated/core-v1.ts';
import type { Container } from '../runtime/runtime.ts';

/** What of a container's definition restarts it when changed: name and image only (kuberuntime HashContainer since 1.31). */
export function containerHash(definition: Pick<ContainerDef, 'name' | 'image'>): string {
  return createHash('sha256')
    .update(JSON.stringify([definition.name, definition.image]))
    .digest('hex')
    .slice(0, 8);
}

export type ContainerRole = 'init' | 'regular' | 'ephemeral';

/** Labels by which sandboxes and containers are found again after a restart (kubelet types/labels.go). */
export function podLabels(pod: Pod): Record<string, string> {
  return {
    'io.kubernetes.pod.name': pod.metadata.name,
    'io.kubernetes.pod.namespace': pod.metadata.namespace ?? '',
    'io.kubernetes.pod.uid': pod.metadata.uid,
  };
}

export function containerLabels(
  pod: Pod,
  definition: ContainerDef,
  role: ContainerRole,
  restartCount: number,
  messageFile: string,
): Record<string, string> {
  return {
    ...podLabels(pod),
    'io.kubernetes.container.name': definition.name,
    'io.kubernetes.container.hash': containerHash(definition),
    'io.kubernetes.container.restartCount': String(restartCount),
    'io.kubernetes.container.role': role,
    'io.kubernetes.container.terminationMessageFile': messageFile,
    'io.kubernetes.container.terminationMessagePolicy': definition.terminationMessagePolicy ?? 'File',
  };
}

export const podUidOf = (labels: Record<string, string>): string => labels['io.kubernetes.pod.uid'] ?? '';
export const containerNameOf = (container: Container): string => container.labels['io.kubernetes.container.name'] ?? '';
export const restartCountOf = (container: Container): number =>
  Number(container.labels['io.kubernetes.container.restartCount'] ?? 0);
export const hashOf = (container: Container): string => container.labels['io.kubernetes.container.hash'] ?? '';
export const messageFileOf = (container: Container): string =>
  container.labels['io.kubernetes.container.terminationMessageFile'] ?? '';

/** 'name_namespace(uid)', as the kubelet writes Pods into messages (util/format). */
export function formatPod(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}
