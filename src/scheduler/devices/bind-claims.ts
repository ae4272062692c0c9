import { claimFinalizer } from '../../api/device-claims.ts';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import type { AllocationResult, ResourceClaim } from '../../api/generated/resource-v1.ts';
import { keyOf } from '../../api/object.ts';
import { resourceClaims } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { podClaims, usesDevices } from '../plugins/dynamic-resources.ts';
import type { DeviceObjects } from './device-objects.ts';
import { planAllocations } from './plan-allocation.ts';

/**
 * Before a Pod is bound its claims are allocated and reserved for it (plugins/dynamicresources bindClaim). What is chosen
 * is taken at once, before anything is written: the next Pod must not choose it, too.
 */
export function bindClaims(
  pod: Pod,
  node: Node,
  { client, objects }: { client: Client; objects: DeviceObjects },
): Promise<void> {
  if (!usesDevices(pod)) return Promise.resolve();
  const { allocated, pending, devices } = podClaims(pod, objects);
  const allocations = pending.length > 0 ? devices && planAllocations(pending, node, devices) : [];
  if (!allocations) {
    const name = node.metadata.name;
    return Promise.reject(new Error(`bind claims of pod ${keyOf(pod)}: no devices on node ${name} any more`));
  }
  for (const [i, claim] of pending.entries()) objects.assume(keyOf(claim), allocations[i]!);
  return writeAll();

  async function writeAll(): Promise<void> {
    try {
      for (const claim of allocated) await write(claim, undefined);
      for (const [i, claim] of pending.entries()) await write(claim, allocations![i]);
    } catch (error) {
      for (const claim of pending) objects.forget(keyOf(claim));
      throw error;
    }
  }

  async function write(claim: ResourceClaim, allocation: AllocationResult | undefined): Promise<void> {
    const { reservedFor = [] } = claim.status ?? {};
    if (!allocation && reservedFor.some(({ uid }) => uid === pod.metadata.uid)) return;
    const { finalizers = [] } = claim.metadata;
    const held =
      !allocation || finalizers.includes(claimFinalizer)
        ? claim
        : await client.update(resourceClaims, {
            ...claim,
            metadata: { ...claim.metadata, finalizers: [...finalizers, claimFinalizer] },
          });
    const consumer = { resource: 'pods', name: pod.metadata.name, uid: pod.metadata.uid! };
    const status = { ...claim.status, ...(allocation ? { allocation } : {}), reservedFor: [...reservedFor, consumer] };
    await client.update(resourceClaims, { ...held, status }, { subresource: 'status' });
  }
}
