import { claimNameOf, mostReservations } from '../../api/device-claims.ts';
import type { Pod, PodResourceClaim } from '../../api/generated/core-v1.ts';
import type { ResourceClaim } from '../../api/generated/resource-v1.ts';
import { matchesTerm } from '../../api/node-selector.ts';
import type { DeviceObjects } from '../devices/device-objects.ts';
import { type Devices, planAllocations } from '../devices/plan-allocation.ts';
import type { Plugin } from '../plugin.ts';

interface PodClaim {
  podClaim: PodResourceClaim;
  /** Undefined for one that is still to be made from its template. */
  key: string | undefined;
}

interface PodClaims {
  allocated: ResourceClaim[];
  pending: ResourceClaim[];
  devices: Devices | undefined;
}

/** Devices that a Pod claims must be there, or be free, on the node (plugins/dynamicresources, structured parameters). */
export const dynamicResources: Plugin<PodClaims | undefined> = {
  name: 'DynamicResources',
  preemptionHelps: false,
  refuse: (pod, { objects }) => (usesDevices(pod) ? refusal(pod, objects.devices) : undefined),
  prepare: (pod, context) => (usesDevices(pod) ? podClaims(pod, context.objects.devices) : undefined),
  filter(_pod, { node }, state) {
    if (!state) return [];
    const reaches = ({ status }: ResourceClaim) => {
      const selector = status?.allocation?.nodeSelector;
      return !selector || selector.nodeSelectorTerms.some((term) => matchesTerm(term, node));
    };
    if (!state.allocated.every(reaches)) return ['resourceclaim not available on the node'];
    if (state.pending.length === 0) return [];
    if (!state.devices) return ['cannot allocate all claims'];
    try {
      return planAllocations(state.pending, node, state.devices) ? [] : ['cannot allocate all claims'];
    } catch (error) {
      return [`claim ${state.pending[0]!.metadata.name}: ${(error as Error).message}`];
    }
  },
};

export const usesDevices = (pod: Pod) => (pod.spec.resourceClaims ?? []).length > 0;

/** The claims that the Pod needs. */
function neededClaims(pod: Pod): PodClaim[] {
  return (pod.spec.resourceClaims ?? []).flatMap((podClaim): PodClaim[] => {
    const name = claimNameOf(pod, podClaim);
    return name === null ? [] : [{ podClaim, key: name && `${pod.metadata.namespace}/${name}` }];
  });
}

function refusal(pod: Pod, objects: DeviceObjects): string | undefined {
  for (const { podClaim, key } of neededClaims(pod)) {
    if (!key)
      return `pod ${JSON.stringify(`${pod.metadata.namespace}/${pod.metadata.name}`)}: ResourceClaim not created yet`;
    const claim = objects.claim(key);
    const quoted = JSON.stringify(key.split('/')[1]);
    if (!claim) return `resourceclaim ${quoted} not found`;
    if (claim.metadata.deletionTimestamp) return `resourceclaim ${quoted} is being deleted`;
    if (
      podClaim.resourceClaimTemplateName &&
      !claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid)
    )
      return `ResourceClaim ${key} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
    const { allocation, reservedFor = [] } = claim.status ?? {};
    if (!allocation && objects.isAssumed(key)) return `resource claim ${key} is in the process of being allocated`;
    const isReserved = reservedFor.some(({ uid }) => uid === pod.metadata.uid);
    if (allocation && !isReserved && reservedFor.length >= mostReservations) return 'resourceclaim in use';
    if (!allocation)
      for (const { name, exactly, firstAvailable = [] } of claim.spec.devices?.requests ?? [])
        for (const { deviceClassName } of [...(exactly ? [exactly] : []), ...firstAvailable])
          if (!objects.deviceClass(deviceClassName))
            return `request ${name}: device class ${deviceClassName} does not exist`;
  }
  return undefined;
}

export function podClaims(pod: Pod, objects: DeviceObjects): PodClaims {
  const all = neededClaims(pod).flatMap(({ key }) => (key ? (objects.claim(key) ?? []) : []));
  const allocated = all.filter(({ status }) => status?.allocation);
  const pending = all.filter(({ status }) => !status?.allocation);
  return { allocated, pending, devices: pending.length > 0 ? objects.devices() : undefined };
}
