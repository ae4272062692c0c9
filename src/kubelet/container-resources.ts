import type { Container, PodSpec } from '../api/generated/core-v1.ts';
import type { ContainerResources } from '../runtime/runtime.ts';
import { containerMemoryQos } from './memory-qos.ts';
import type { NodeContext } from './node-context.ts';
import { containerResources, swapBytes } from './resources.ts';

/** Everything that a container's cgroup is to have on this node, also after a resize. */
export function resourcesOnNode(
  { configuration, machine, allocatable }: Pick<NodeContext, 'configuration' | 'machine' | 'allocatable'>,
  container: Container,
  spec: PodSpec,
): ContainerResources {
  const { settings, memoryQos } = configuration;
  const swap = swapBytes(spec, container, machine, settings.memorySwap.swapBehavior);
  const own = containerResources(container, spec);
  // Nobody takes pages that others have asked for; where the machine has none there is nothing to hold back.
  const pages = Object.entries(machine.hugepages ?? {}).flatMap(([size, bytes]) => (bytes > 0 ? [[size, 0]] : []));
  const hugepages = { ...Object.fromEntries(pages), ...own.hugepages };
  return {
    ...own,
    ...(Object.keys(hugepages).length > 0 && { hugepages }),
    ...(swap !== undefined && { swapBytes: swap }),
    ...(memoryQos && containerMemoryQos(spec, container, memoryQos, allocatable.memory)),
  };
}
