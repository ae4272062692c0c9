import { attachmentName, uniqueVolumeName } from '../../api/csi-names.ts';
import type { Node, PersistentVolume, Pod } from '../../api/generated/core-v1.ts';
import type { VolumeAttachment } from '../../api/generated/storage-v1.ts';

/** A volume that Pods of a node need there. */
export interface NeededVolume {
  volume: PersistentVolume;
  pods: Pod[];
}

export interface AttachmentFacts {
  /** Undefined: it is gone. */
  node: Node | undefined;
  nodeName: string;
  needed: NeededVolume[];
  /** Of this node. */
  attachments: VolumeAttachment[];
  /** Of other nodes, by name of their volume. */
  elsewhere: ReadonlyMap<string, VolumeAttachment>;
  /** Names of the drivers that the node has. */
  drivers: ReadonlySet<string>;
  volume(name: string): PersistentVolume | undefined;
  now: number;
}

export interface AttachmentPlan {
  attach: NeededVolume[];
  /** Names of attachments. */
  detach: string[];
  /** What cannot be attached, and why; Events of the Pods tell it. */
  refused: { needed: NeededVolume; message: string }[];
  /** Something is to be detached once the node has unmounted it, or cannot be waited for. */
  waits: boolean;
  /** What the Node's status is to say. */
  volumesAttached: { name: string; devicePath: string }[];
}

/** After so long a node that is not heard of is taken to have unmounted everything (attachdetach ReconcilerMaxWaitForUnmountDuration). */
const forceAfterMs = 6 * 60_000;
const outOfService = 'node.kubernetes.io/out-of-service';

/** What is to be attached to a node and detached from it (pkg/controller/volume/attachdetach/reconciler). Pure. */
export function planAttachments(facts: AttachmentFacts): AttachmentPlan {
  const { nodeName, needed, attachments } = facts;
  const own = new Map(attachments.map((one) => [one.metadata.name, one]));
  const wanted = new Set(needed.map(({ volume }) => nameOf(volume, nodeName)));
  const plan: AttachmentPlan = { attach: [], detach: [], refused: [], waits: false, volumesAttached: [] };
  for (const one of needed) {
    const existing = own.get(nameOf(one.volume, nodeName));
    if (existing) {
      const error = existing.status?.attachError?.message;
      if (error && !existing.status?.attached) plan.refused.push({ needed: one, message: failed(one, error) });
      continue;
    }
    const message = refusal(one, facts);
    if (message) plan.refused.push({ needed: one, message });
    else plan.attach.push(one);
  }
  const inUse = stillInUse(facts);
  for (const attachment of attachments) {
    const { name, deletionTimestamp } = attachment.metadata;
    const volume = facts.volume(attachment.spec.source.persistentVolumeName ?? '');
    // Those that others have made for themselves are not ours to delete.
    const isOurs = volume ? name === nameOf(volume, nodeName) : /^csi-[0-9a-f]{64}$/.test(name);
    if (isOurs && !deletionTimestamp && !wanted.has(name)) {
      if (inUse.has(name)) plan.waits = true;
      else plan.detach.push(name);
    }
    if (attachment.status?.attached && !deletionTimestamp && volume?.spec.csi)
      plan.volumesAttached.push({
        name: uniqueVolumeName(attachment.spec.attacher, volume.spec.csi.volumeHandle),
        devicePath: '',
      });
  }
  plan.volumesAttached.sort((a, b) => a.name.localeCompare(b.name));
  return plan;
}

const nameOf = ({ spec }: PersistentVolume, nodeName: string) =>
  attachmentName(spec.csi?.volumeHandle ?? '', spec.csi?.driver ?? '', nodeName);

const failed = ({ volume }: NeededVolume, why: string) =>
  `AttachVolume.Attach failed for volume "${volume.metadata.name}" : ${why}`;

function refusal(needed: NeededVolume, { drivers, nodeName, elsewhere }: AttachmentFacts): string | undefined {
  const { volume } = needed;
  const driver = volume.spec.csi?.driver ?? '';
  if (!drivers.has(driver)) return failed(needed, `CSINode ${nodeName} does not contain driver ${driver}`);
  const shared = volume.spec.accessModes?.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany');
  if (shared || !elsewhere.has(volume.metadata.name)) return undefined;
  return `Multi-Attach error for volume "${volume.metadata.name}" Volume is already exclusively attached to one node and can't be attached to another`;
}

/** Names of attachments whose volumes the node says to have mounted; none once nobody can wait for it. */
function stillInUse({ node, nodeName, now }: AttachmentFacts): Set<string> {
  if (!node || isGivenUp(node, now)) return new Set();
  return new Set(
    (node.status?.volumesInUse ?? []).flatMap((name) => {
      const [, driver, handle] = /^kubernetes\.io\/csi\/([^^]+)\^(.*)$/.exec(name) ?? [];
      return driver && handle !== undefined ? [attachmentName(handle, driver, nodeName)] : [];
    }),
  );
}

function isGivenUp({ spec, status }: Node, now: number): boolean {
  if (spec?.taints?.some(({ key }) => key === outOfService)) return true;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status !== 'True' && now - Date.parse(ready?.lastTransitionTime ?? '') > forceAfterMs;
}
