import type { StatefulSet } from '../../api/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '../../api/generated/core-v1.ts';
import type { Draft } from '../../api/object.ts';

/** Names, labels and volumes of a StatefulSet's Pods (kubernetes pkg/controller/statefulset/stateful_set_utils.go). Pure. */

export const revisionLabel = 'controller-revision-hash';
const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const podIndexLabel = 'apps.kubernetes.io/pod-index';

export const podName = (set: StatefulSet, ordinal: number) => `${set.metadata.name}-${ordinal}`;
const claimName = (template: PersistentVolumeClaim, set: StatefulSet, ordinal: number) =>
  `${template.metadata.name}-${set.metadata.name}-${ordinal}`;

/** The number in the Pod's name; undefined when the name is not of this set. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const text = pod.metadata.name.startsWith(prefix) ? pod.metadata.name.slice(prefix.length) : '';
  return /^(0|[1-9]\d*)$/.test(text) ? Number(text) : undefined;
}

export function podTemplate(
  set: StatefulSet,
  template: PodTemplateSpec,
  ordinal: number,
  revision: string,
): PodTemplateSpec {
  const name = podName(set, ordinal);
  const claims = set.spec.volumeClaimTemplates ?? [];
  const ownVolumes = claims.map((claim) => ({
    name: claim.metadata.name,
    persistentVolumeClaim: { claimName: claimName(claim, set, ordinal) },
  }));
  const others = (template.spec?.volumes ?? []).filter((volume) => !ownVolumes.some((own) => own.name === volume.name));
  const volumes = [...ownVolumes, ...others];
  return {
    metadata: {
      ...template.metadata,
      labels: {
        ...template.metadata?.labels,
        [podNameLabel]: name,
        [podIndexLabel]: `${ordinal}`,
        [revisionLabel]: revision,
      },
    },
    spec: {
      containers: [],
      ...template.spec,
      hostname: name,
      subdomain: set.spec.serviceName || undefined,
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  };
}

/** The claims that the Pod of this ordinal mounts. */
export function claimsOf(set: StatefulSet, ordinal: number): Draft<PersistentVolumeClaim>[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    metadata: {
      name: claimName(template, set, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
      annotations: template.metadata.annotations,
    },
    spec: template.spec,
  }));
}
