import { createHash } from 'node:crypto';

/** Names that the controllers and the kubelet must make alike (pkg/volume/csi). */

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** The VolumeAttachment of a volume on a node (csi_attacher.go getAttachmentName). */
export const attachmentName = (handle: string, driver: string, node: string): string =>
  `csi-${sha256(`${handle}${driver}${node}`)}`;

/** The handle of an inline volume, which lives and dies with its Pod (csi_plugin.go makeVolumeHandle). */
export const inlineHandle = (podUid: string, volume: string): string => `csi-${sha256(`${podUid}${volume}`)}`;

/** The directory in which a volume is staged (csi_util.go makeDeviceMountPath). */
export const stagingDirectory = (handle: string): string => sha256(handle);

/** How status.volumesInUse and volumesAttached of a Node name a volume (util.GetUniqueVolumeName). */
export const uniqueVolumeName = (driver: string, handle: string): string => `kubernetes.io/csi/${driver}^${handle}`;
