import type { DownwardAPIVolumeFile } from '../../api/generated/core-v1.ts';
import { fieldValue, resourceFieldValue } from '../env/field-ref.ts';
import type { PayloadFile, VolumeContext } from './volume.ts';

/** Fields of the Pod as files (pkg/volume/downwardapi). */
export function downwardFiles(
  { pod, facts }: VolumeContext,
  items: DownwardAPIVolumeFile[],
  defaultMode: number,
): PayloadFile[] {
  return items.map(({ path, fieldRef, resourceFieldRef, mode = defaultMode }) => {
    if (fieldRef) return { path, mode, content: fieldValue(pod, fieldRef.fieldPath, facts) };
    if (!resourceFieldRef) return { path, mode, content: '' };
    const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
    const container = all.find(({ name }) => name === resourceFieldRef.containerName);
    if (!container) throw new Error(`container ${resourceFieldRef.containerName} not found`);
    return { path, mode, content: resourceFieldValue(container, resourceFieldRef, facts) };
  });
}
