import type { Pod, Volume } from '../../api/generated/core-v1.ts';
import type { Client } from '../../client/client.ts';
import type { Linux } from '../../linux/linux.ts';
import type { CsiSource } from '../csi/csi-source.ts';
import type { CsiVolumes } from '../csi/csi-volumes.ts';
import type { KubeletDirectory } from '../csi/kubelet-directory.ts';
import type { References } from '../env/container-env.ts';
import type { PodFacts } from '../env/field-ref.ts';
import type { PodDirs } from '../pod-files.ts';
import type { LocalDevices } from './local-devices.ts';
import type { PodCertificates } from './pod-certificates.ts';
import type { ServiceAccountTokens } from './service-account-token.ts';
import type { TrustBundles } from './trust-bundles.ts';

/** What setting up a volume may need. */
export interface VolumeContext {
  pod: Pod;
  dirs: PodDirs;
  facts: PodFacts;
  references: References;
  tokens: ServiceAccountTokens;
  trustBundles: TrustBundles;
  certificates: PodCertificates;
  csi: CsiVolumes;
  kubeletDirectory: KubeletDirectory;
  localDevices: LocalDevices;
  client: Client;
  linux: Linux;
}

/** One file of a volume whose content comes from the API. */
export interface PayloadFile {
  /** Relative, without '..'. */
  path: string;
  content: Uint8Array | string;
  mode: number;
  /** Owner, for tokens of Pods that run as one user. */
  uid?: number;
}

/** A volume on the host, ready to be mounted into containers. */
export interface ReadyVolume {
  hostPath: string;
  readOnly?: boolean;
  noExec?: boolean;
  /** The PersistentVolume that no other Pod may use meanwhile (ReadWriteOncePod). */
  exclusive?: string;
  /** A block volume: the device on the host. */
  device?: string;
  /** What a CSI driver has mounted. */
  csi?: CsiSource;
  /** When it is to be published again, in milliseconds of the steady clock. */
  republishMs?: number;
  /** The claim that it is bound to, and its PersistentVolume. */
  claim?: { namespace: string; name: string };
  persistentVolume?: string;
  /** Lets the node's part of it grow to so many bytes; absent where there is none. */
  expand?: (bytes: number) => Promise<unknown>;
}

/** `<pod dir>/volumes/kubernetes.io~<plugin>/<name>`, as the kubelet lays it out. */
export const volumeDir = (podDir: string, plugin: string, volume: Volume): string =>
  `${podDir}/volumes/kubernetes.io~${plugin}/${volume.name}`;
