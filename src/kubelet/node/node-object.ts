import { isDeepStrictEqual } from 'node:util';
import type { Node, NodeStatus } from '../../api/generated/core-v1.ts';
import type { Draft } from '../../api/object.ts';
import type { ImageInfo } from '../../runtime/runtime.ts';
import type { Allocatable } from './allocatable.ts';
import type { Machine } from './machine.ts';
import type { Health } from './node-conditions.ts';
import { nodeConditions } from './node-conditions.ts';

export interface NodeIdentity {
  name: string;
  address: string;
  port: number;
  maxPods: number;
  podCidr: string | undefined;
  allocatable: Allocatable;
  runtimeHandlers: NonNullable<NodeStatus['runtimeHandlers']>;
}

/** The Node as it is registered (kubelet_node_status.go initialNode). Pure. */
export function initialNode(identity: NodeIdentity, status: NodeStatus): Draft<Node> {
  const { operatingSystem: system = 'linux', architecture = '' } = status.nodeInfo ?? {};
  return {
    metadata: {
      name: identity.name,
      labels: {
        'beta.kubernetes.io/arch': architecture,
        'beta.kubernetes.io/os': system,
        'kubernetes.io/arch': architecture,
        'kubernetes.io/hostname': identity.name,
        'kubernetes.io/os': system,
      },
    },
    spec: identity.podCidr ? { podCIDR: identity.podCidr, podCIDRs: [identity.podCidr] } : {},
    status,
  };
}

/** The node's status (kubelet nodestatus/setters.go). Pure. */
export function nodeStatus(
  identity: NodeIdentity,
  machine: Machine,
  health: Health,
  images: ImageInfo[],
  previous: NodeStatus,
  now: string,
): NodeStatus {
  const capacity = {
    cpu: String(machine.cpus),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(machine.diskBytes / 1024)}Ki`,
    pods: String(identity.maxPods),
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    ...hugepages(machine),
  };
  const extended = extendedResources(previous.capacity ?? {});
  const { allocatable } = identity;
  return {
    capacity: { ...extended, ...capacity },
    allocatable: {
      ...extended,
      ...capacity,
      cpu: Number.isInteger(allocatable.cpu) ? String(allocatable.cpu) : `${Math.floor(allocatable.cpu * 1000)}m`,
      memory: `${Math.floor(allocatable.memory / 1024)}Ki`,
      'ephemeral-storage': String(allocatable['ephemeral-storage']),
    },
    conditions: nodeConditions(health, previous.conditions ?? [], now),
    addresses: [
      { type: 'InternalIP', address: identity.address },
      { type: 'Hostname', address: identity.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: identity.port } },
    nodeInfo: machine.info,
    features: { supplementalGroupsPolicy: true },
    runtimeHandlers: identity.runtimeHandlers,
    // The 50 largest, as nodeStatusMaxImages.
    images: images
      .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, 50)
      .map(({ names, digests, sizeBytes }) => ({ names: [...digests, ...names].slice(0, 5), sizeBytes })),
  };
}

/** What others have put on the node ('example.com/dongle'): all of it may be used (setters.go MachineInfo). */
function extendedResources(capacity: Record<string, string>): Record<string, string> {
  const isExtended = (name: string) => name.includes('/') && !/(^|\.)kubernetes\.io\//.test(name);
  return Object.fromEntries(Object.entries(capacity).filter(([name]) => isExtended(name)));
}

function hugepages({ hugepages: sizes }: Machine): Record<string, string> {
  return Object.fromEntries(Object.entries(sizes).map(([size, bytes]) => [`hugepages-${size}`, String(bytes)]));
}

/** Whether a status says something new; heartbeats alone do not count (kubelet nodeStatusHasChanged). Pure. */
export function statusChanged(before: NodeStatus, after: NodeStatus): boolean {
  const plain = (status: NodeStatus): unknown => {
    const conditions = status.conditions
      ?.map(({ lastHeartbeatTime, ...rest }) => rest)
      .sort((a, b) => a.type.localeCompare(b.type));
    // As it is on the wire: without what is undefined.
    return JSON.parse(JSON.stringify({ ...status, conditions }));
  };
  const own = (status: NodeStatus) => {
    const { capacity, allocatable, conditions, addresses, daemonEndpoints } = status;
    const { nodeInfo, features, runtimeHandlers, images } = status;
    return plain({
      ...{ capacity, allocatable, conditions, addresses, daemonEndpoints },
      ...{ nodeInfo, features, runtimeHandlers, images },
    });
  };
  return !isDeepStrictEqual(own(before), own(after));
}
