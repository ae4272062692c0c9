import type { Pod, Service } from '../api/generated/core-v1.ts';
import type { Ingress } from '../api/generated/networking-v1.ts';
import type { KubeObject } from '../api/object.ts';

/** Whether the Pod names the object: in a volume, an environment, as its account, to pull its images. */
export function usesObject(pod: Pod, { kind, metadata }: KubeObject): boolean {
  return pod.metadata.namespace === metadata.namespace && namesOf(pod, kind).includes(metadata.name);
}

function namesOf(pod: Pod, kind: string): (string | undefined)[] {
  const { spec } = pod;
  const volumes = spec.volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const from = containers.flatMap(({ envFrom = [] }) => envFrom);
  const values = containers.flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom));
  switch (kind) {
    case 'ServiceAccount':
      return [spec.serviceAccountName ?? 'default'];
    case 'PersistentVolumeClaim':
      return volumes.map(({ name, persistentVolumeClaim, ephemeral }) =>
        ephemeral ? `${pod.metadata.name}-${name}` : persistentVolumeClaim?.claimName,
      );
    case 'ConfigMap':
      return [
        ...[...volumes, ...sources].map(({ configMap }) => configMap?.name),
        ...from.map(({ configMapRef }) => configMapRef?.name),
        ...values.map((value) => value?.configMapKeyRef?.name),
      ];
    case 'Secret':
      return [
        ...volumes.map(({ secret }) => secret?.secretName),
        ...sources.map(({ secret }) => secret?.name),
        ...from.map(({ secretRef }) => secretRef?.name),
        ...values.map((value) => value?.secretKeyRef?.name),
        ...(spec.imagePullSecrets ?? []).map(({ name }) => name),
      ];
    default:
      return [];
  }
}

/** Whether the Ingress sends anything to the Service. */
export function leadsTo({ metadata, spec }: Ingress, service: Service): boolean {
  const paths = (spec?.rules ?? []).flatMap(({ http }) => http?.paths ?? []);
  return (
    metadata.namespace === service.metadata.namespace &&
    [spec?.defaultBackend, ...paths.map(({ backend }) => backend)].some(
      (backend) => backend?.service?.name === service.metadata.name,
    )
  );
}
