import type { VolumeProjection } from '../../api/generated/core-v1.ts';
import { configMapFiles } from './config-map.ts';
import { downwardFiles } from './downward-api.ts';
import { secretFiles } from './secret.ts';
import type { PayloadFile, VolumeContext } from './volume.ts';

/** Several sources in one directory, later ones over earlier ones (pkg/volume/projected). */
export async function projectedFiles(
  context: VolumeContext,
  sources: VolumeProjection[],
  mode: number,
): Promise<PayloadFile[]> {
  const files = new Map<string, PayloadFile>();
  for (const source of sources) {
    for (const file of await sourceFiles(context, source, mode)) files.set(file.path, file);
  }
  return [...files.values()];
}

async function sourceFiles(context: VolumeContext, source: VolumeProjection, mode: number): Promise<PayloadFile[]> {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source;
  if (configMap) return configMapFiles(context, configMap, mode);
  if (secret) return secretFiles(context, secret, mode);
  if (downwardAPI) return downwardFiles(context, downwardAPI.items ?? [], mode);
  if (serviceAccountToken) return [await tokenFile(context, serviceAccountToken, mode)];
  throw new Error(
    `projected source ${clusterTrustBundle ? 'clusterTrustBundle' : podCertificate ? 'podCertificate' : ''} is not supported`,
  );
}

/** Only the Pod's own user may read the token if that user is known (KEP-2451). */
async function tokenFile(
  { pod, tokens }: VolumeContext,
  source: NonNullable<VolumeProjection['serviceAccountToken']>,
  mode: number,
): Promise<PayloadFile> {
  const content = await tokens.get(pod, source);
  const { securityContext, containers, initContainers = [] } = pod.spec;
  const users = new Set(
    [...containers, ...initContainers].map((one) => one.securityContext?.runAsUser ?? securityContext?.runAsUser),
  );
  const [user] = users;
  const uid = users.size === 1 && user !== undefined ? { uid: user } : {};
  const narrow = securityContext?.fsGroup !== undefined || (users.size === 1 && user !== undefined);
  return { path: source.path, content, mode: narrow ? 0o600 : mode, ...uid };
}
