import { errorChain } from '../base/log.ts';
import { containerEvent, type NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';
import { containerResources, podLimits } from './resources.ts';

/** Puts changed requests and limits into force without a restart (KEP-1287). */
export async function resizeContainers(node: NodeContext, record: PodRecord): Promise<void> {
  const { spec } = record.pod;
  for (const definition of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const container = record.current(node.runtime, definition.name);
    if (container?.state !== 'running') continue;
    const resources = containerResources(definition);
    const wanted = JSON.stringify(resources);
    const inForce = record.limits.get(container.id);
    record.limits.set(container.id, wanted);
    // What was found running has the limits it was started with; a change made while we were away is rare and harmless to repeat.
    if (inForce === wanted || (inForce === undefined && record.pod.metadata.generation === 1)) continue;
    try {
      if (record.sandbox) await node.linux.cgroups.update(record.sandbox.spec.cgroup, podLimits(spec));
      await node.runtime.updateContainer(container.id, resources);
    } catch (error) {
      const text = `Error resizing container ${definition.name}: ${errorChain(error)}`;
      containerEvent(node, record.pod, definition.name, 'Warning', 'ResizeError', text);
    }
  }
}
