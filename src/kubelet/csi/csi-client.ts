import http2 from 'node:http2';
import { GrpcError, grpcCodes, unaryCall } from '../../base/grpc.ts';
import { connectUnixStream } from '../../linux/unix-socket.ts';
import {
  type ExpandRequest,
  expandRequest,
  type NodeInfo,
  nodeCapabilities,
  type PluginInfo,
  type PublishRequest,
  publishRequest,
  readCapabilities,
  readNodeInfo,
  readPluginInfo,
  readVolumeStats,
  registrationStatus,
  type StageRequest,
  stageRequest,
  statsRequest,
  undoRequest,
} from './csi-messages.ts';

/** The kubelet's csiTimeout, and how long a registration may take (pkg/volume/csi, pluginmanager). */
const timeoutMs = 120_000;
const registrationMs = 10_000;
const nothing = new Uint8Array();

/** Calls a gRPC server at a socket of this node. A connection is made for each call: drivers are asked seldom, and come and go. */
async function call(socketPath: string, method: string, message: Uint8Array, limitMs: number): Promise<Buffer> {
  const session = http2.connect('http://localhost', { createConnection: () => connectUnixStream(socketPath) });
  const broken = new Promise<never>((_, reject) =>
    session.once('error', (cause) => reject(new Error(`cannot reach ${socketPath}`, { cause }))),
  );
  broken.catch(() => {});
  try {
    return await Promise.race([unaryCall(session, method, message, limitMs), broken]);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    // As Kubernetes shows what a driver says.
    throw new RpcError(error);
  } finally {
    session.destroy();
  }
}

/** What a driver answered instead of doing it, in the words of Go's gRPC. */
export class RpcError extends Error {
  readonly code: number;

  constructor(cause: GrpcError) {
    const [name = `Code(${cause.code})`] = Object.entries(grpcCodes).find(([, code]) => code === cause.code) ?? [];
    super(`rpc error: code = ${name} desc = ${cause.details}`, { cause });
    this.name = 'RpcError';
    this.code = cause.code;
  }
}

/** What announces a plugin: a socket in plugins_registry. */
export const registration = {
  info: async (socketPath: string): Promise<PluginInfo> =>
    readPluginInfo(await call(socketPath, '/pluginregistration.Registration/GetInfo', nothing, registrationMs)),
  notify: async (socketPath: string, registered: boolean, error = ''): Promise<void> => {
    const method = '/pluginregistration.Registration/NotifyRegistrationStatus';
    await call(socketPath, method, registrationStatus(registered, error), registrationMs);
  },
};

/** The node service of a driver. Paths are as the driver sees them. */
export class NodeService {
  readonly #socketPath: string;
  #capabilities: Promise<Set<number>> | undefined;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async info(): Promise<NodeInfo> {
    return readNodeInfo(await this.#call('NodeGetInfo', nothing));
  }

  /** Asked once for each registration. */
  async can(what: keyof typeof nodeCapabilities): Promise<boolean> {
    this.#capabilities ??= this.#call('NodeGetCapabilities', nothing).then(readCapabilities);
    this.#capabilities.catch(() => (this.#capabilities = undefined));
    return (await this.#capabilities).has(nodeCapabilities[what]);
  }

  async stage(request: StageRequest): Promise<void> {
    await this.#call('NodeStageVolume', stageRequest(request));
  }

  async unstage(volumeId: string, stagingPath: string): Promise<void> {
    await this.#call('NodeUnstageVolume', undoRequest(volumeId, stagingPath));
  }

  async publish(request: PublishRequest): Promise<void> {
    await this.#call('NodePublishVolume', publishRequest(request));
  }

  async unpublish(volumeId: string, targetPath: string): Promise<void> {
    await this.#call('NodeUnpublishVolume', undoRequest(volumeId, targetPath));
  }

  async stats(volumeId: string, path: string, stagingPath?: string) {
    return readVolumeStats(await this.#call('NodeGetVolumeStats', statsRequest(volumeId, path, stagingPath)));
  }

  /** A driver that cannot, needs not: false. */
  async expand(request: ExpandRequest): Promise<boolean> {
    try {
      await this.#call('NodeExpandVolume', expandRequest(request));
      return true;
    } catch (error) {
      if (error instanceof RpcError && error.code === grpcCodes.Unimplemented) return false;
      throw error;
    }
  }

  #call(method: string, message: Uint8Array): Promise<Buffer> {
    return call(this.#socketPath, `/csi.v1.Node/${method}`, message, timeoutMs);
  }
}
