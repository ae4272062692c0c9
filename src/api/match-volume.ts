import type { Node, PersistentVolume, PersistentVolumeClaim } from './generated/core-v1.ts';
import type { StorageClass } from './generated/storage-v1.ts';
import { matchesTerm } from './node-selector.ts';
import { compareQuantities } from './quantity.ts';
import { compileSelector } from './selectors.ts';

/** Which volume suits which claim (kubernetes component-helpers/storage/volume/pv_helpers.go). Pure. */

export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';
const oldClassAnnotation = 'volume.beta.kubernetes.io/storage-class';

export function classOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return object.metadata.annotations?.[oldClassAnnotation] ?? object.spec.storageClassName ?? '';
}

/** Whether claims of the class wait until the scheduler has chosen a node (KEP-561). */
export const waitsForConsumer = (storageClass: StorageClass | undefined) =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer';

/** Whether the volume is bound to this claim, or reserved for it by name. */
export function isReservedFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  if (!claimRef || claimRef.name !== claim.metadata.name || claimRef.namespace !== claim.metadata.namespace)
    return false;
  return !claimRef.uid || claimRef.uid === claim.metadata.uid;
}

export function fitsNode(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec.nodeAffinity?.required;
  return !required || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** The smallest volume that satisfies the claim, on the node if one is given; one reserved for the claim goes first. */
export function matchVolume(
  claim: PersistentVolumeClaim,
  volumes: PersistentVolume[],
  options: { node?: Node; onlyReserved?: boolean; taken?: ReadonlySet<string> } = {},
): PersistentVolume | undefined {
  const { node, onlyReserved = false, taken } = options;
  const selects = claim.spec.selector ? compileSelector(claim.spec.selector) : undefined;
  let smallest: PersistentVolume | undefined;
  for (const volume of volumes) {
    if (volume.metadata.deletionTimestamp || taken?.has(volume.metadata.name)) continue;
    if (!satisfies(volume, claim) || (node && !fitsNode(volume, node))) continue;
    if (isReservedFor(volume, claim)) return volume;
    if (onlyReserved || volume.spec.claimRef || volume.status?.phase !== 'Available') continue;
    if (classOf(volume) !== classOf(claim) || (selects && !selects(volume.metadata.labels))) continue;
    if (!smallest || compareQuantities(capacityOf(volume), capacityOf(smallest)) < 0) smallest = volume;
  }
  return smallest;
}

/** Size, access modes and mode of the volume are enough for the claim. */
export function satisfies({ spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const wanted = claim.spec.resources?.requests?.storage ?? '0';
  return (
    (spec.volumeMode ?? 'Filesystem') === (claim.spec.volumeMode ?? 'Filesystem') &&
    (claim.spec.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode)) &&
    compareQuantities(spec.capacity?.storage ?? '0', wanted) >= 0
  );
}

const capacityOf = ({ spec }: PersistentVolume) => spec.capacity?.storage ?? '0';
