import { attachmentName } from '../../api/csi-names.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import type { CSINode, VolumeAttachment } from '../../api/generated/storage-v1.ts';
import { keyOf } from '../../api/object.ts';
import {
  csiDrivers,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { isTerminated } from '../pod-state.ts';
import { type NeededVolume, planAttachments } from './plan-attachments.ts';
import { byClaim, claimKeysOf } from './pod-claims.ts';

/** What waits for another node is looked at again so often, in milliseconds. */
const retryMs = 5000;

/**
 * Has the volumes of CSI drivers attached to the nodes whose Pods need them, and detached when those are done (kubernetes
 * pkg/controller/volume/attachdetach). The drivers' attachers do it: they follow VolumeAttachments.
 */
export function attachDetachController({ client, informers, events, clock }: ControllerContext): Controller {
  const allNodes = informers.informer(nodes);
  const byNode = { node: ({ spec }: Pod) => (spec.nodeName ? [spec.nodeName] : []) };
  const allPods = informers.informer(pods, { indexes: { ...byClaim, ...byNode } });
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const attachments = informers.informer(volumeAttachments);
  const drivers = informers.informer(csiDrivers);
  const driversOfNodes = informers.informer(csiNodes);
  const nodeNames = () => allNodes.list().map(({ metadata }) => metadata.name);
  const nodesUsing = (claimKey: string) =>
    allPods.byIndex('claim', claimKey).flatMap(({ spec }) => (spec.nodeName ? [spec.nodeName] : []));
  /** The newest message told of a volume on a node, so that each is told once. */
  const told = new Map<string, string>();

  return {
    name: 'attachdetach',
    for: nodes,
    watches: [
      {
        resource: pods,
        keys: (pod: Pod) => (pod.spec.nodeName && claimKeysOf(pod).length > 0 ? [pod.spec.nodeName] : []),
      },
      { resource: persistentVolumeClaims, keys: (claim: PersistentVolumeClaim) => nodesUsing(keyOf(claim)) },
      {
        resource: persistentVolumes,
        keys: ({ spec }: PersistentVolume) =>
          spec.csi && spec.claimRef ? nodesUsing(`${spec.claimRef.namespace}/${spec.claimRef.name}`) : [],
      },
      // One that goes may let another node have the volume.
      { resource: volumeAttachments, keys: ({ spec }: VolumeAttachment) => [spec.nodeName, ...waiting(spec)] },
      { resource: csiNodes, keys: ({ metadata }: CSINode) => [metadata.name] },
      { resource: csiDrivers, keys: nodeNames },
    ],
    reconcile: async (nodeName) => {
      const all = attachments.list();
      const own = all.filter(({ spec }) => spec.nodeName === nodeName);
      const needed = neededOn(nodeName);
      if (own.length === 0 && needed.length === 0) return writeAttached(nodeName, []);
      const plan = planAttachments({
        ...{ node: allNodes.get(nodeName), nodeName, needed, attachments: own },
        elsewhere: new Map(
          all.flatMap((one) => {
            const volume = one.spec.source.persistentVolumeName;
            return one.spec.nodeName !== nodeName && volume ? [[volume, one] as const] : [];
          }),
        ),
        drivers: new Set(driversOfNodes.get(nodeName)?.spec.drivers?.map(({ name }) => name)),
        volume: (name) => volumes.get(name),
        now: clock.now(),
      });
      for (const one of plan.attach) await attach(one, nodeName);
      for (const name of plan.detach) await detach(name);
      await writeAttached(nodeName, plan.volumesAttached);
      for (const { needed: one, message } of plan.refused)
        tell(one, nodeName, 'Warning', 'FailedAttachVolume', message);
      tellAttached(own, needed, nodeName);
      return plan.refused.length > 0 || plan.waits ? { requeueAfterMs: retryMs } : undefined;
    },
  };

  function waiting({ source }: VolumeAttachment['spec']): string[] {
    const { claimRef } = volumes.get(source.persistentVolumeName ?? '')?.spec ?? {};
    return claimRef ? nodesUsing(`${claimRef.namespace}/${claimRef.name}`) : [];
  }

  /** Volumes that Pods of the node use, by volume, as far as their drivers want them to be attached. */
  function neededOn(nodeName: string): NeededVolume[] {
    const found = new Map<string, NeededVolume>();
    for (const pod of allPods.byIndex('node', nodeName)) {
      if (isTerminated(pod)) continue;
      for (const key of claimKeysOf(pod)) {
        const claim = claims.get(key);
        const volume = claim?.status?.phase === 'Bound' ? volumes.get(claim.spec.volumeName ?? '') : undefined;
        if (!volume?.spec.csi || drivers.get(volume.spec.csi.driver)?.spec.attachRequired === false) continue;
        const known = found.get(volume.metadata.name) ?? { volume, pods: [] };
        known.pods.push(pod);
        found.set(volume.metadata.name, known);
      }
    }
    return [...found.values()];
  }

  async function attach({ volume }: NeededVolume, nodeName: string): Promise<void> {
    const { driver = '', volumeHandle = '' } = volume.spec.csi ?? {};
    const name = attachmentName(volumeHandle, driver, nodeName);
    const source = { persistentVolumeName: volume.metadata.name };
    try {
      await client.create(volumeAttachments, { metadata: { name }, spec: { attacher: driver, nodeName, source } });
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
    }
  }

  async function detach(name: string): Promise<void> {
    try {
      await client.delete(volumeAttachments, name);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }

  async function writeAttached(
    nodeName: string,
    volumesAttached: { name: string; devicePath: string }[],
  ): Promise<void> {
    const known = allNodes.get(nodeName)?.status?.volumesAttached ?? [];
    const names = (list: { name: string }[]) => list.map(({ name }) => name).join();
    if (!allNodes.get(nodeName) || names(known) === names(volumesAttached)) return;
    const body = { status: { volumesAttached } };
    await client.patch(nodes, nodeName, undefined, { type: 'strategic', body }, { subresource: 'status' });
  }

  function tellAttached(own: VolumeAttachment[], needed: NeededVolume[], nodeName: string): void {
    const attached = new Set(
      own.flatMap(({ spec, status }) => (status?.attached ? [spec.source.persistentVolumeName] : [])),
    );
    for (const one of needed)
      if (attached.has(one.volume.metadata.name)) {
        const message = `AttachVolume.Attach succeeded for volume "${one.volume.metadata.name}"`;
        tell(one, nodeName, 'Normal', 'SuccessfulAttachVolume', message);
      }
    for (const key of told.keys()) {
      const [node, volume] = key.split('/');
      if (node === nodeName && !needed.some((one) => one.volume.metadata.name === volume)) told.delete(key);
    }
  }

  function tell(
    { volume, pods: users }: NeededVolume,
    nodeName: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    const key = `${nodeName}/${volume.metadata.name}`;
    if (told.get(key) === message) return;
    told.set(key, message);
    for (const pod of users) events.event(pod, type, reason, message);
  }
}
