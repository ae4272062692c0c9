import type { ProjectedVolumeSource, Volume, VolumeProjection } from '../../api/generated/core-v1.ts';
import { configMapFiles } from './config-map.ts';
import { downwardFiles } from './downward-api.ts';
import type { CertificateSource } from './pod-certificates.ts';
import { secretFiles } from './secret.ts';
import type { PayloadFile, VolumeContext } from './volume.ts';

/** Several sources in one directory, later ones over earlier ones (pkg/volume/projected). */
export async function projectedFiles(
  context: VolumeContext,
  volume: Volume,
  { sources = [], defaultMode: mode = 0o644 }: ProjectedVolumeSource,
): Promise<PayloadFile[]> {
  const files = new Map<string, PayloadFile>();
  for (const [index, source] of sources.entries()) {
    const { podCertificate } = source;
    const found = podCertificate
      ? await certificateFiles(context, { volume: volume.name, index, projection: podCertificate }, mode)
      : await sourceFiles(context, source, mode);
    for (const file of found) files.set(file.path, file);
  }
  return [...files.values()];
}

async function sourceFiles(context: VolumeContext, source: VolumeProjection, mode: number): Promise<PayloadFile[]> {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
  if (configMap) return configMapFiles(context, configMap, mode);
  if (secret) return secretFiles(context, secret, mode);
  if (downwardAPI) return downwardFiles(context, downwardAPI.items ?? [], mode);
  if (serviceAccountToken) {
    const content = await context.tokens.get(context.pod, serviceAccountToken);
    return [ownFile(context, { path: serviceAccountToken.path, content, mode })];
  }
  if (clusterTrustBundle) {
    const content = await context.trustBundles.get(context.pod.metadata.uid, clusterTrustBundle);
    return [ownFile(context, { path: clusterTrustBundle.path, content, mode })];
  }
  return [];
}

async function certificateFiles(
  context: VolumeContext,
  source: CertificateSource,
  mode: number,
): Promise<PayloadFile[]> {
  const { key, chain } = await context.certificates.get(context.pod, source);
  const { credentialBundlePath, keyPath, certificateChainPath } = source.projection;
  const files: [string | undefined, string][] = [
    [credentialBundlePath, key + chain],
    [keyPath, key],
    [certificateChainPath, chain],
  ];
  return files.flatMap(([path, content]) => (path ? [ownFile(context, { path, content, mode })] : []));
}

/** Only the Pod's own user may read it if that user is known (KEP-2451). */
function ownFile({ pod }: VolumeContext, file: PayloadFile): PayloadFile {
  const { securityContext, containers, initContainers = [] } = pod.spec;
  const users = new Set(
    [...containers, ...initContainers].map((one) => one.securityContext?.runAsUser ?? securityContext?.runAsUser),
  );
  const [user] = users;
  const uid = users.size === 1 && user !== undefined ? { uid: user } : {};
  const narrow = securityContext?.fsGroup !== undefined || (users.size === 1 && user !== undefined);
  return { ...file, mode: narrow ? 0o600 : file.mode, ...uid };
}
