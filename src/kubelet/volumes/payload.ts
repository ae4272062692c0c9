import type { ConfigMap, KeyToPath, Secret, Volume } from '../../api/generated/core-v1.ts';
import { hasReason } from '../../api/status-error.ts';
import { configMapFiles } from './config-map.ts';
import { downwardFiles } from './downward-api.ts';
import { projectedFiles } from './projected.ts';
import { secretFiles } from './secret.ts';
import type { PayloadFile, VolumeContext } from './volume.ts';

/** Plugin directory of the volume types whose files come from the API, undefined for others. */
export function payloadPlugin(volume: Volume): string | undefined {
  if (volume.configMap) return 'configmap';
  if (volume.secret) return 'secret';
  if (volume.downwardAPI) return 'downward-api';
  if (volume.projected) return 'projected';
  return undefined;
}

/** The files that a volume is to hold now. */
export async function payloadFiles(context: VolumeContext, volume: Volume): Promise<PayloadFile[]> {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap) return configMapFiles(context, configMap, configMap.defaultMode ?? 0o644);
  if (secret) {
    const { secretName: name, items, optional } = secret;
    return secretFiles(context, { name, items, optional }, secret.defaultMode ?? 0o644);
  }
  if (downwardAPI) return downwardFiles(context, downwardAPI.items ?? [], downwardAPI.defaultMode ?? 0o644);
  return projectedFiles(context, volume, projected ?? {});
}

/** Picks and renames keys (pkg/volume/configmap MakePayload). */
export function selectKeys(
  data: Map<string, Uint8Array | string>,
  items: KeyToPath[] | undefined,
  { mode, optional, missing }: { mode: number; optional: boolean | undefined; missing: string },
): PayloadFile[] {
  if (!items) return [...data].map(([path, content]) => ({ path, content, mode }));
  const files: PayloadFile[] = [];
  for (const item of items) {
    const content = data.get(item.key);
    if (content !== undefined) files.push({ path: item.path, content, mode: item.mode ?? mode });
    else if (!optional) throw new Error(missing);
  }
  return files;
}

/** The object, or undefined if it is absent and may be. */
export async function optionally<T extends ConfigMap | Secret>(
  optional: boolean | undefined,
  read: Promise<T>,
): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (optional && hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
