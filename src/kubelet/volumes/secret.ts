import type { SecretProjection } from '../../api/generated/core-v1.ts';
import { optionally, selectKeys } from './payload.ts';
import type { PayloadFile, VolumeContext } from './volume.ts';

/** Files of a Secret (pkg/volume/secret). */
export async function secretFiles(
  { pod, references }: VolumeContext,
  { name = '', items, optional }: SecretProjection,
  mode: number,
): Promise<PayloadFile[]> {
  const secret = await optionally(optional, references.secret(pod.metadata.namespace ?? '', name));
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(secret?.data ?? {})) data.set(key, Buffer.from(value, 'base64'));
  const missing = items?.find(({ key }) => !data.has(key))?.key ?? '';
  return selectKeys(data, items, { mode, optional, missing: `references non-existent secret key: ${missing}` });
}
