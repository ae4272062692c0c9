import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  TopologySelectorTerm,
} from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import { classOf, fitsNode, matchVolume, waitsForConsumer } from '../../api/match-volume.ts';
import type { Plugin, SchedulingContext } from '../plugin.ts';

/** Volumes must be reachable from the node, or there must be a way to get them there (plugins/volumebinding). */
export const volumeBinding: Plugin<PodVolumes | undefined> = {
  name: 'VolumeBinding',
  preemptionHelps: false,
  refuse: (pod, context) => (hasClaims(pod) ? refusal(pod, context) : undefined),
  prepare: (pod, context) => (hasClaims(pod) ? podVolumes(pod, context) : undefined),
  filter: (_pod, { node }, state) => {
    if (!state) return [];
    const reasons: string[] = [];
    if (state.bound.some((volume) => !fitsNode(volume, node)))
      reasons.push("node(s) didn't match PersistentVolume's node affinity");
    if (!planBinding(state, node)) reasons.push("node(s) didn't find available persistent volumes to bind");
    return reasons;
  },
};

/** What a Pod's claims are about. */
export interface PodVolumes {
  bound: PersistentVolume[];
  /** Claims that are bound once the node is known. */
  unbound: { claim: PersistentVolumeClaim; storageClass: StorageClass }[];
  volumes: PersistentVolume[];
}

export interface ClaimBinding {
  claim: PersistentVolumeClaim;
  /** undefined: the provisioner of its class makes one. */
  volume: PersistentVolume | undefined;
}

export const hasClaims = (pod: Pod) =>
  (pod.spec.volumes ?? []).some((volume) => volume.persistentVolumeClaim || volume.ephemeral);

export function claimNames(pod: Pod): { name: string; ephemeral: boolean }[] {
  return (pod.spec.volumes ?? []).flatMap((volume): { name: string; ephemeral: boolean }[] => {
    if (volume.persistentVolumeClaim) return [{ name: volume.persistentVolumeClaim.claimName, ephemeral: false }];
    return volume.ephemeral ? [{ name: `${pod.metadata.name}-${volume.name}`, ephemeral: true }] : [];
  });
}

/** Why no node can do, whatever node it is. */
function refusal(pod: Pod, { objects }: SchedulingContext): string | undefined {
  for (const { name, ephemeral } of claimNames(pod)) {
    const claim = objects.claim(`${pod.metadata.namespace}/${name}`);
    const quoted = JSON.stringify(name);
    if (!claim)
      return ephemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim ${quoted}`
        : `persistentvolumeclaim ${quoted} not found`;
    if (claim.status?.phase === 'Lost')
      return `persistentvolumeclaim ${quoted} bound to non-existent persistentvolume ${JSON.stringify(claim.spec.volumeName ?? '')}`;
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim ${quoted} is being deleted`;
    if (ephemeral && !claim.metadata.ownerReferences?.some((owner) => owner.uid === pod.metadata.uid))
      return `PVC ${pod.metadata.namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
    if (!isBound(claim) && !waitsForConsumer(objects.storageClass(classOf(claim))))
      return 'pod has unbound immediate PersistentVolumeClaims';
  }
  return undefined;
}

const isBound = (claim: PersistentVolumeClaim) =>
  !!claim.spec.volumeName && !!claim.metadata.annotations?.['pv.kubernetes.io/bind-completed'];

export function podVolumes(pod: Pod, { objects }: Pick<SchedulingContext, 'objects'>): PodVolumes {
  const state: PodVolumes = { bound: [], unbound: [], volumes: [] };
  for (const { name } of claimNames(pod)) {
    const claim = objects.claim(`${pod.metadata.namespace}/${name}`);
    if (!claim) continue;
    const storageClass = objects.storageClass(classOf(claim));
    const volume = claim.spec.volumeName ? objects.volume(claim.spec.volumeName) : undefined;
    if (volume) state.bound.push(volume);
    else if (storageClass) state.unbound.push({ claim, storageClass });
  }
  if (state.unbound.length > 0) state.volumes = objects.volumes();
  return state;
}

/** A volume, or the promise of one, for each unbound claim; undefined when the node cannot have them all. */
export function planBinding({ unbound, volumes }: PodVolumes, node: Node): ClaimBinding[] | undefined {
  const taken = new Set<string>();
  const plan: ClaimBinding[] = [];
  for (const { claim, storageClass } of unbound) {
    const volume = matchVolume(claim, volumes, { node, taken });
    if (!volume && !canProvision(storageClass, node)) return undefined;
    if (volume) taken.add(volume.metadata.name);
    plan.push({ claim, volume });
  }
  return plan;
}

function canProvision({ provisioner, allowedTopologies = [] }: StorageClass, node: Node): boolean {
  if (provisioner === 'kubernetes.io/no-provisioner') return false;
  const fits = ({ matchLabelExpressions = [] }: TopologySelectorTerm) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(node.metadata.labels?.[key] ?? ''));
  return allowedTopologies.length === 0 || allowedTopologies.some(fits);
}
