import type { ConfigMapProjection } from '../../api/generated/core-v1.ts';
import { optionally, selectKeys } from './payload.ts';
import type { PayloadFile, VolumeContext } from './volume.ts';

/** Files of a ConfigMap (pkg/volume/configmap). */
export async function configMapFiles(
  { pod, references }: VolumeContext,
  { name = '', items, optional }: ConfigMapProjection,
  mode: number,
): Promise<PayloadFile[]> {
  const map = await optionally(optional, references.configMap(pod.metadata.namespace ?? '', name));
  const data = new Map<string, Uint8Array | string>(Object.entries(map?.data ?? {}));
  for (const [key, value] of Object.entries(map?.binaryData ?? {})) data.set(key, Buffer.from(value, 'base64'));
  return selectKeys(data, items, {
    mode,
    optional,
    missing: 'configmap references non-existent config key: '.concat(firstMissing(data, items)),
  });
}

const firstMissing = (data: ReadonlyMap<string, unknown>, items: ConfigMapProjection['items'] = []): string =>
  items.find(({ key }) => !data.has(key))?.key ?? '';
