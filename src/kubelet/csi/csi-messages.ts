import { MessageWriter, readEntry, readMessage } from '../../base/protobuf-wire.ts';

/**
 * The messages of csi.v1.Node (container-storage-interface/spec csi.proto) and of pluginregistration.Registration
 * (k8s.io/kubelet/pkg/apis/pluginregistration) that a kubelet sends and gets.
 */

type Map = Record<string, string>;

/** csi.v1.VolumeCapability. */
export interface VolumeCapability {
  block: boolean;
  fsType?: string | undefined;
  mountFlags?: string[] | undefined;
  /** The group that the driver itself is to give the files to. */
  mountGroup?: string | undefined;
  accessMode: number;
}

/** csi.v1.VolumeCapability.AccessMode.Mode. */
export const accessModes = {
  singleNodeWriter: 1,
  multiNodeReaderOnly: 3,
  multiNodeMultiWriter: 5,
  singleNodeSingleWriter: 6,
  singleNodeMultiWriter: 7,
} as const;

/** csi.v1.NodeServiceCapability.RPC.Type. */
export const nodeCapabilities = {
  stageUnstage: 1,
  volumeStats: 2,
  expand: 3,
  singleNodeMultiWriter: 5,
  volumeMountGroup: 6,
} as const;

export interface StageRequest {
  volumeId: string;
  publishContext?: Map | undefined;
  stagingPath: string;
  capability: VolumeCapability;
  secrets?: Map | undefined;
  volumeContext?: Map | undefined;
}

export interface PublishRequest extends Omit<StageRequest, 'stagingPath'> {
  stagingPath?: string | undefined;
  targetPath: string;
  readOnly: boolean;
}

export interface ExpandRequest {
  volumeId: string;
  volumePath: string;
  requiredBytes: number;
  stagingPath?: string | undefined;
  capability: VolumeCapability;
  secrets?: Map | undefined;
}

export interface VolumeUsage {
  available: number;
  total: number;
  used: number;
}

export interface NodeInfo {
  nodeId: string;
  /** 0 for no limit. */
  maxVolumes: number;
  topology: Map;
}

export interface PluginInfo {
  type: string;
  name: string;
  endpoint: string;
  versions: string[];
}

function capability({ block, fsType, mountFlags = [], mountGroup, accessMode }: VolumeCapability): Buffer {
  const writer = new MessageWriter();
  if (block) writer.bytes(1, new Uint8Array());
  else {
    const mount = new MessageWriter().bytes(1, fsType || undefined);
    for (const flag of mountFlags) mount.bytes(2, flag);
    writer.bytes(2, mount.bytes(3, mountGroup || undefined).finish());
  }
  return writer.bytes(3, new MessageWriter().number(1, accessMode).finish()).finish();
}

export function stageRequest(request: StageRequest): Buffer {
  return new MessageWriter()
    .bytes(1, request.volumeId)
    .map(2, request.publishContext)
    .bytes(3, request.stagingPath)
    .bytes(4, capability(request.capability))
    .map(5, request.secrets)
    .map(6, request.volumeContext)
    .finish();
}

export function publishRequest(request: PublishRequest): Buffer {
  return new MessageWriter()
    .bytes(1, request.volumeId)
    .map(2, request.publishContext)
    .bytes(3, request.stagingPath)
    .bytes(4, request.targetPath)
    .bytes(5, capability(request.capability))
    .number(6, request.readOnly)
    .map(7, request.secrets)
    .map(8, request.volumeContext)
    .finish();
}

/** NodeUnstageVolume and NodeUnpublishVolume: the volume, and where it is. */
export const undoRequest = (volumeId: string, path: string): Buffer =>
  new MessageWriter().bytes(1, volumeId).bytes(2, path).finish();

export const statsRequest = (volumeId: string, path: string, stagingPath?: string): Buffer =>
  new MessageWriter().bytes(1, volumeId).bytes(2, path).bytes(3, stagingPath).finish();

export function expandRequest(request: ExpandRequest): Buffer {
  return new MessageWriter()
    .bytes(1, request.volumeId)
    .bytes(2, request.volumePath)
    .bytes(3, new MessageWriter().number(1, request.requiredBytes).finish())
    .bytes(4, request.stagingPath)
    .bytes(5, capability(request.capability))
    .map(6, request.secrets)
    .finish();
}

export function registrationStatus(registered: boolean, error: string): Buffer {
  return new MessageWriter()
    .number(1, registered)
    .bytes(2, error || undefined)
    .finish();
}

export function readPluginInfo(message: Buffer): PluginInfo {
  const info: PluginInfo = { type: '', name: '', endpoint: '', versions: [] };
  readMessage(message, (field, _number, bytes) => {
    if (field === 1) info.type = bytes.toString();
    else if (field === 2) info.name = bytes.toString();
    else if (field === 3) info.endpoint = bytes.toString();
    else if (field === 4) info.versions.push(bytes.toString());
  });
  return info;
}

export function readNodeInfo(message: Buffer): NodeInfo {
  const info: NodeInfo = { nodeId: '', maxVolumes: 0, topology: {} };
  readMessage(message, (field, number, bytes) => {
    if (field === 1) info.nodeId = bytes.toString();
    else if (field === 2) info.maxVolumes = number;
    else if (field === 3)
      readMessage(bytes, (inner, _number, segment) => {
        const [key, value] = inner === 1 ? readEntry(segment) : [];
        if (key) info.topology[key] = value ?? '';
      });
  });
  return info;
}

/** The numbers of what a node service can do. */
export function readCapabilities(message: Buffer): Set<number> {
  const found = new Set<number>();
  readMessage(message, (field, _number, one) => {
    if (field !== 1) return;
    readMessage(one, (inner, _inner, rpc) => {
      if (inner === 1) readMessage(rpc, (typeField, type) => void (typeField === 1 && found.add(type)));
    });
  });
  return found;
}

/** Bytes and inodes, as far as they are told. */
export function readVolumeStats(message: Buffer): { bytes?: VolumeUsage; inodes?: VolumeUsage } {
  const stats: { bytes?: VolumeUsage; inodes?: VolumeUsage } = {};
  readMessage(message, (field, _number, bytes) => {
    if (field !== 1) return;
    const usage = { available: 0, total: 0, used: 0 };
    let unit = 0;
    readMessage(bytes, (inner, number) => {
      if (inner === 1) usage.available = number;
      else if (inner === 2) usage.total = number;
      else if (inner === 3) usage.used = number;
      else if (inner === 4) unit = number;
    });
    if (unit === 1) stats.bytes = usage;
    else if (unit === 2) stats.inodes = usage;
  });
  return stats;
}
