import type { CSINode, CSINodeDriver } from '../../api/generated/storage-v1.ts';
import { csiNodes, nodes } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Client } from '../../client/client.ts';
import { Limiter } from '../limiter.ts';
import { ensureCsiNode } from '../node/csi-node.ts';
import type { NodeInfo } from './csi-messages.ts';

const nodeIdAnnotation = 'csi.volume.kubernetes.io/nodeid';

/** Tells in the API which drivers the node has, and what they call it (pkg/volume/csi/nodeinfomanager). */
export class NodeRegistration {
  readonly #client: Client;
  readonly #nodeName: string;
  /** Changes one after the other: they are to the same two objects. */
  readonly #changes = new Limiter(1);

  constructor(client: Client, nodeName: string) {
    this.#client = client;
    this.#nodeName = nodeName;
  }

  add(driver: string, { nodeId, maxVolumes, topology }: NodeInfo): Promise<void> {
    if (!nodeId) return Promise.reject(new Error(`error adding CSI driver node info: driverNodeID must not be empty`));
    const entry: CSINodeDriver = {
      name: driver,
      nodeID: nodeId,
      topologyKeys: Object.keys(topology).sort(),
      ...(maxVolumes > 0 && { allocatable: { count: maxVolumes } }),
    };
    return this.#changes.run(async () => {
      await this.#changeNode((ids) => ({ ...ids, [driver]: nodeId }), topology);
      await this.#changeDrivers((drivers) => [...drivers.filter(({ name }) => name !== driver), entry]);
    });
  }

  remove(driver: string): Promise<void> {
    return this.#changes.run(async () => {
      await this.#changeDrivers((drivers) => drivers.filter(({ name }) => name !== driver));
      await this.#changeNode(({ [driver]: _, ...ids }) => ids, {});
    });
  }

  async #changeNode(
    change: (ids: Record<string, string>) => Record<string, string>,
    labels: Record<string, string>,
  ): Promise<void> {
    const node = await this.#client.get(nodes, this.#nodeName);
    const ids = JSON.parse(node.metadata.annotations?.[nodeIdAnnotation] ?? '{}') as Record<string, string>;
    const changed = change(ids);
    const known = Object.entries(labels).every(([key, value]) => node.metadata.labels?.[key] === value);
    if (known && JSON.stringify(ids) === JSON.stringify(changed)) return;
    const value = Object.keys(changed).length > 0 ? JSON.stringify(changed) : null;
    const body = { metadata: { annotations: { [nodeIdAnnotation]: value }, labels } };
    await this.#client.patch(nodes, this.#nodeName, undefined, { type: 'merge', body });
  }

  async #changeDrivers(change: (drivers: CSINodeDriver[]) => CSINodeDriver[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        const object = await this.#csiNode();
        const drivers = change(object.spec.drivers ?? []);
        if (JSON.stringify(drivers) === JSON.stringify(object.spec.drivers)) return;
        await this.#client.update(csiNodes, { ...object, spec: { ...object.spec, drivers } });
        return;
      } catch (error) {
        if (!hasReason(error, 'Conflict') || attempt === 5) throw error;
      }
    }
  }

  async #csiNode(): Promise<CSINode> {
    try {
      return await this.#client.get(csiNodes, this.#nodeName);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
    await ensureCsiNode(this.#client, await this.#client.get(nodes, this.#nodeName));
    return this.#client.get(csiNodes, this.#nodeName);
  }
}
