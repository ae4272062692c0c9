import type { ImageConfig } from '../runtime.ts';
import type { Descriptor } from './blobs.ts';
import { isIndex } from './media-types.ts';

/** An image manifest: OCI's, or Docker's schema 2, which has the same fields. */
export interface Manifest {
  schemaVersion: number;
  mediaType?: string;
  config: Descriptor;
  layers: Descriptor[];
}

/** An image index, or Docker's manifest list. */
export interface Index {
  schemaVersion: number;
  mediaType?: string;
  manifests: Descriptor[];
}

/** What a config blob holds (image-spec config.md). */
export interface ConfigFile {
  architecture: string;
  os: string;
  created?: string;
  config?: ImageConfig;
  rootfs: { type: 'layers'; diff_ids: string[] };
  history?: { created?: string; created_by?: string; empty_layer?: boolean }[];
}

const architectures: Record<string, string> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  riscv64: 'riscv64',
};

/** Go's name of this machine's architecture. */
export const hostArchitecture: string = architectures[process.arch] ?? process.arch;

/** The manifest for this machine in an index: exact variant before any, attestations ('unknown') never. */
export function choosePlatform(index: Index, architecture = hostArchitecture): Descriptor | undefined {
  const fitting = index.manifests.filter(
    ({ platform }) => platform && platform.os === 'linux' && platform.architecture === architecture,
  );
  const preferred = architecture === 'arm64' ? 'v8' : undefined;
  return (
    fitting.find((entry) => entry.platform?.variant === preferred) ??
    fitting[0] ??
    index.manifests.find((entry) => !entry.platform)
  );
}

/** Tells an index from a manifest by what it holds when its media type is absent. */
export function looksLikeIndex(document: { mediaType?: string; manifests?: unknown }, mediaType = ''): boolean {
  return (
    isIndex(document.mediaType ?? mediaType) || (document.mediaType === undefined && Array.isArray(document.manifests))
  );
}
