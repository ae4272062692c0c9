import type { Pod } from '../../api/generated/core-v1.ts';

/** Annotations of static Pods and their mirrors (kubelet types/pod_update.go). */
export const configSource = 'kubernetes.io/config.source';
export const configHash = 'kubernetes.io/config.hash';
export const configMirror = 'kubernetes.io/config.mirror';

/** The Pod comes from a manifest on this machine. */
export const isStatic = ({ metadata }: Pod): boolean =>
  metadata.annotations?.[configSource] === 'file' && !isMirror(metadata);

/** The object stands in the API for a static Pod, which nobody can change or run by it. */
export const isMirrorPod = ({ metadata }: Pod): boolean => isMirror(metadata);

const isMirror = ({ annotations }: Pod['metadata']): boolean => annotations?.[configMirror] !== undefined;

/** 'namespace/name', which a static Pod and its mirror share. */
export const fullName = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;
