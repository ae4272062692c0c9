import type { Pod } from '../../api/generated/core-v1.ts';
import type { CSIDriver } from '../../api/generated/storage-v1.ts';
import { accessModes } from './csi-messages.ts';
import type { CsiSource } from './csi-source.ts';

/** What a CSIDriver object asks of the kubelet; without one, its defaults (pkg/volume/csi csi_mounter.go). Pure. */

/** Whether the volume must be attached to the node before it can be mounted. */
export const isAttachable = (source: CsiSource, driver: CSIDriver | undefined): boolean =>
  !source.ephemeral && (driver?.spec.attachRequired ?? true);

/** Why the driver does not do such volumes (csi_plugin.go supportsVolumeLifecycleMode). */
export function lifecycleProblem(source: CsiSource, driver: CSIDriver | undefined): string | undefined {
  const mode = source.ephemeral ? 'Ephemeral' : 'Persistent';
  if (!driver)
    return source.ephemeral
      ? `volume mode "Ephemeral" not supported by driver ${source.driver} (no CSIDriver object)`
      : undefined;
  const supported = driver.spec.volumeLifecycleModes ?? ['Persistent'];
  if (supported.includes(mode)) return undefined;
  return `volume mode "${mode}" not supported by driver ${source.driver} (only supports ${JSON.stringify(supported)})`;
}

/** csi_client.go asCSIAccessModeV1 and asSingleNodeMultiWriterCapableCSIAccessModeV1: the first mode counts. */
export function accessModeOf({ accessModes: [mode] }: CsiSource, singleNodeMultiWriter: boolean): number {
  if (mode === 'ReadOnlyMany') return accessModes.multiNodeReaderOnly;
  if (mode === 'ReadWriteMany') return accessModes.multiNodeMultiWriter;
  if (!singleNodeMultiWriter) return accessModes.singleNodeWriter;
  return mode === 'ReadWriteOncePod' ? accessModes.singleNodeSingleWriter : accessModes.singleNodeMultiWriter;
}

/** Whether the volume's files are given to the Pod's fsGroup (KEP-1682). */
export function takesGroup(source: CsiSource, driver: CSIDriver | undefined): boolean {
  const policy = driver?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (source.readOnly || source.block || policy === 'None') return false;
  if (policy === 'File') return true;
  return source.fsType !== '' && source.accessModes.includes('ReadWriteOnce');
}

/** Who the volume is for, for drivers that ask (podInfoOnMount). */
export function podInfo(pod: Pod, source: CsiSource, driver: CSIDriver | undefined): Record<string, string> {
  if (!driver?.spec.podInfoOnMount) return {};
  const { name, namespace = '', uid } = pod.metadata;
  return {
    'csi.storage.k8s.io/pod.name': name,
    'csi.storage.k8s.io/pod.namespace': namespace,
    'csi.storage.k8s.io/pod.uid': uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.spec.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(source.ephemeral),
  };
}
