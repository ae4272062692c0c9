import type { Container, EphemeralContainer, Pod, Volume } from '../../api/generated/core-v1.ts';

/** What a Pod needs of its namespace, as 'secrets/NAME', 'configmaps/NAME', 'persistentvolumeclaims/NAME', … */
export type References = ReadonlySet<string>;

/** Kept as long as the Pod object itself, which is replaced by every change. */
const known = new WeakMap<Pod, References>();

/** Names that a Pod's spec refers to (pkg/api/v1/pod/util.go, plugin/pkg/auth/authorizer/node/graph.go AddPod). */
export function podReferences(pod: Pod): References {
  let references = known.get(pod);
  if (!references) {
    references = collectPodReferences(pod);
    known.set(pod, references);
  }
  return references;
}

/** The same without remembering, for a Pod that is still being changed. */
export function collectPodReferences(pod: Pod): References {
  const found = new Set<string>();
  const add = (resource: string, name: string | undefined) => {
    if (name) found.add(`${resource}/${name}`);
  };
  const { spec, status, metadata } = pod;
  add('serviceaccounts', spec?.serviceAccountName);
  for (const secret of spec?.imagePullSecrets ?? []) add('secrets', secret.name);
  const containers: (Container | EphemeralContainer)[] = [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  for (const container of containers) addContainer(container, add);
  for (const volume of spec?.volumes ?? []) addVolume(volume, metadata.name, add);
  for (const claim of spec?.resourceClaims ?? []) add('resourceclaims', claim.resourceClaimName);
  for (const claim of status?.resourceClaimStatuses ?? []) add('resourceclaims', claim.resourceClaimName);
  return found;
}

type Add = (resource: string, name: string | undefined) => void;

function addContainer(container: Container | EphemeralContainer, add: Add): void {
  for (const source of container.envFrom ?? []) {
    add('secrets', source.secretRef?.name);
    add('configmaps', source.configMapRef?.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    add('secrets', valueFrom?.secretKeyRef?.name);
    add('configmaps', valueFrom?.configMapKeyRef?.name);
  }
}

function addVolume(volume: Volume, podName: string, add: Add): void {
  add('secrets', volume.secret?.secretName);
  add('configmaps', volume.configMap?.name);
  for (const source of volume.projected?.sources ?? []) {
    add('secrets', source.secret?.name);
    add('configmaps', source.configMap?.name);
  }
  const withSecretRef = [volume.cephfs, volume.cinder, volume.flexVolume, volume.rbd, volume.scaleIO, volume.iscsi];
  for (const source of [...withSecretRef, volume.storageos]) add('secrets', source?.secretRef?.name);
  add('secrets', volume.azureFile?.secretName);
  add('secrets', volume.csi?.nodePublishSecretRef?.name);
  add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral) add('persistentvolumeclaims', `${podName}-${volume.name}`);
}
