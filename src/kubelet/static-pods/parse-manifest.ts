import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { decodeObject } from '../../api/decode.ts';
import { applyDefaults } from '../../api/defaults.ts';
import type { Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { validateCreate } from '../../api/validation/validate.ts';
import { configHash, configSource } from './static-pod.ts';

/**
 * A static Pod from its manifest, with the defaults that the API would give it and the name of the node behind its own
 * (kubelet config/common.go applyDefaults and tryDecodeSinglePod). The same manifest is the same Pod after a restart.
 */
export function parseManifest(text: string, file: string, nodeName: string, now: string): Pod {
  const value = parse(text) as { apiVersion?: string; kind?: string } | null;
  if (value?.apiVersion !== 'v1' || value.kind !== 'Pod') throw new Error('the manifest is no v1 Pod');
  const { object, errors } = decodeObject('core/v1.Pod', value);
  if (errors.length > 0) throw new Error(errors.join('; '));
  const written = object as unknown as Pod;
  const { metadata } = written;
  const uid = metadata.uid || hashOf(nodeName, file, value);
  const pod: Pod = {
    ...written,
    metadata: {
      ...metadata,
      uid,
      name: `${metadata.name}-${nodeName}`,
      namespace: metadata.namespace || 'default',
      generation: 1,
      creationTimestamp: now,
      resourceVersion: '',
      annotations: {
        ...metadata.annotations,
        [configHash]: uid,
        'kubernetes.io/config.seen': now,
        [configSource]: 'file',
      },
    },
    spec: {
      ...written.spec,
      nodeName,
      ...priorityOf(written.spec),
      // No taint evicts what the API does not run.
      tolerations: [...(written.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
    },
    status: { phase: 'Pending' },
  };
  applyDefaults('core/v1.Pod', pod);
  const causes = validateCreate('core/v1.Pod', pod);
  if (causes.length > 0) throw new Error(causes.map(({ field, message }) => `${field}: ${message}`).join('; '));
  const reference = objectReference(pod.spec);
  if (reference) throw new Error(`static pods may not reference ${reference}`);
  return pod;
}

function hashOf(nodeName: string, file: string, value: unknown): string {
  return createHash('md5').update(`host:${nodeName}file:${file}`).update(JSON.stringify(value)).digest('hex');
}

/** Admission, which gives Pods the priority of their class, does not see static Pods. */
function priorityOf({ priorityClassName }: PodSpec): Pick<PodSpec, 'priority'> {
  if (priorityClassName === 'system-node-critical') return { priority: 2_000_001_000 };
  return priorityClassName === 'system-cluster-critical' ? { priority: 2_000_000_000 } : {};
}

/** Objects of the API that the Pod would need: it must start without one (pkg/api/v1/pod HasAPIObjectReference). */
function objectReference(spec: PodSpec): string | undefined {
  if (spec.serviceAccountName) return 'serviceaccounts';
  if (spec.imagePullSecrets?.length) return 'secrets';
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const env = containers.flatMap((container) => container.env ?? []).map(({ valueFrom }) => valueFrom);
  const envFrom = containers.flatMap((container) => container.envFrom ?? []);
  const sources = (spec.volumes ?? []).flatMap((volume) => [volume, ...(volume.projected?.sources ?? [])]);
  const uses = (key: string) => [...env, ...envFrom, ...sources].some((one) => one && key in one);
  if (uses('secret') || uses('secretKeyRef') || uses('secretRef')) return 'secrets';
  if (uses('configMap') || uses('configMapKeyRef') || uses('configMapRef')) return 'configmaps';
  if (uses('persistentVolumeClaim') || uses('ephemeral')) return 'persistentvolumeclaims';
  if (uses('serviceAccountToken') || uses('clusterTrustBundle')) return 'serviceaccounts';
  return undefined;
}
