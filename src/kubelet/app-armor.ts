import type { AppArmorProfile, Container, Pod } from '../api/generated/core-v1.ts';

const annotation = 'container.apparmor.security.beta.kubernetes.io/';

/** The profile that a container asks for: its own, the Pod's, or the annotation of before the fields (pkg/security/apparmor). */
export function appArmorProfile({ metadata, spec }: Pod, container: Container): AppArmorProfile | undefined {
  return (
    container.securityContext?.appArmorProfile ??
    spec.securityContext?.appArmorProfile ??
    fromAnnotation(metadata.annotations?.[`${annotation}${container.name}`])
  );
}

function fromAnnotation(value: string | undefined): AppArmorProfile | undefined {
  if (value === 'runtime/default') return { type: 'RuntimeDefault' };
  if (value === 'unconfined') return { type: 'Unconfined' };
  return value?.startsWith('localhost/') ? { type: 'Localhost', localhostProfile: value.slice(10) } : undefined;
}

/** Whether the Pod must not run on a node that enforces no profiles. */
export function wantsAppArmor(pod: Pod): boolean {
  const { initContainers = [], containers } = pod.spec;
  return [...initContainers, ...containers].some((container) => {
    const type = appArmorProfile(pod, container)?.type;
    return type !== undefined && type !== 'Unconfined';
  });
}
