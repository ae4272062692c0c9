import type { LiveObject } from '../../src/inspect/live-types.ts';
import { threadId, type World } from './world.ts';

/** One thing and its line: everything above it that it is part of, everything below that it is made of. */
export interface Lineage {
  /** Ids, the thing's own too. */
  ids: Set<string>;
  /** Processes of which only some threads are on the line. */
  partial: Set<string>;
}

export function lineageOf(world: World, id: string): Lineage {
  const lineage: Lineage = { ids: new Set(), partial: new Set() };
  addLineage(world, id, lineage);
  return lineage;
}

/** Of several things together, as a search finds them. */
export function lineageOfAll(world: World, ids: Iterable<string>): Lineage {
  const lineage: Lineage = { ids: new Set(), partial: new Set() };
  for (const id of ids) addLineage(world, id, lineage);
  return lineage;
}

function addLineage(world: World, id: string, lineage: Lineage): void {
  const process = world.ways.processOfThread.get(id);
  if (process) {
    lineage.ids.add(id);
    if (!lineage.ids.has(process.id)) lineage.partial.add(process.id);
    lineage.ids.add(process.id);
    for (const above of pathTo(world, process.id)) addUp(world, above, lineage.ids);
    return;
  }
  addDown(world, id, lineage.ids);
  for (const below of [...lineage.ids]) if (world.processes.has(below)) lineage.partial.delete(below);
  addUp(world, id, lineage.ids);
}

/** A Service's line goes down to its Pods but not up to what owns them besides; that is on each Pod's way up. */
function addDown(world: World, id: string, ids: Set<string>): void {
  if (ids.has(id)) return;
  ids.add(id);
  const { ways } = world;
  const object = world.objects.get(id);
  if (object) {
    for (const owned of ways.ownedBy.get(id) ?? []) addDown(world, owned.id, ids);
    for (const pod of object.selects ?? []) {
      addDown(world, pod, ids);
      addOwners(world, pod, ids);
    }
    if (object.kind === 'Node') for (const pod of ways.podsOnNode.get(object.name) ?? []) addDown(world, pod.id, ids);
    for (const container of ways.containersOf.get(id) ?? []) addDown(world, container.id, ids);
    if (object.kind === 'Pod') addNode(world, object, ids);
    return;
  }
  for (const process of ways.processesOf.get(id) ?? []) ids.add(process.id);
  for (const monitor of ways.monitorsOf.get(id) ?? []) ids.add(monitor.id);
}

function addUp(world: World, id: string, ids: Set<string>): void {
  ids.add(id);
  const { ways } = world;
  const process = world.processes.get(id);
  const container = world.containers.get(id);
  const object = world.objects.get(id);
  const container2 = process?.container ?? process?.watches;
  if (container2) {
    addUp(world, container2, ids);
    for (const monitor of ways.monitorsOf.get(container2) ?? []) ids.add(monitor.id);
  }
  if (container) {
    for (const monitor of ways.monitorsOf.get(id) ?? []) ids.add(monitor.id);
    if (container.pod) addUp(world, container.pod, ids);
  }
  if (!object) return;
  addOwners(world, id, ids);
  if (object.kind === 'Pod') addNode(world, object, ids);
  for (const service of ways.servicesOf.get(id) ?? []) ids.add(service.id);
  // The Services of a workload are those of its Pods.
  if (object.kind !== 'Pod' && object.kind !== 'Node' && object.kind !== 'Service')
    for (const pod of podsBelow(world, id)) for (const service of ways.servicesOf.get(pod) ?? []) ids.add(service.id);
}

function addOwners(world: World, id: string, ids: Set<string>): void {
  for (let owner = world.objects.get(id)?.owner; owner && world.objects.has(owner); ) {
    ids.add(owner);
    const next: string | undefined = world.objects.get(owner)?.owner;
    if (next === owner) return;
    owner = next;
  }
}

function addNode(world: World, pod: LiveObject, ids: Set<string>): void {
  const node = pod.node === undefined ? undefined : world.ways.nodesByName.get(pod.node);
  if (node) ids.add(node.id);
}

function podsBelow(world: World, id: string): string[] {
  const below = world.ways.ownedBy.get(id) ?? [];
  return below.flatMap((object) => (object.kind === 'Pod' ? [object.id] : podsBelow(world, object.id)));
}

/**
 * The line from the widest thing to this one, for the strip under the map and the panel: Service, Deployment,
 * ReplicaSet, Pod, container, process, thread.
 */
export function pathTo(world: World, id: string): string[] {
  const path: string[] = [];
  let at: string | undefined = id;
  const process = world.ways.processOfThread.get(id);
  if (process) {
    path.unshift(id);
    at = process.id;
  }
  while (at !== undefined && !path.includes(at)) {
    path.unshift(at);
    at = above(world, at);
  }
  return path;
}

function above(world: World, id: string): string | undefined {
  const process = world.processes.get(id);
  if (process) return process.container ?? process.watches;
  const container = world.containers.get(id);
  if (container) return container.pod;
  const object = world.objects.get(id);
  if (!object || object.kind === 'Service') return undefined;
  if (object.owner && world.objects.has(object.owner)) return object.owner;
  const pods = object.kind === 'Pod' ? [id] : podsBelow(world, id);
  for (const pod of pods) {
    const service = world.ways.servicesOf.get(pod)?.[0];
    if (service) return service.id;
  }
  return undefined;
}

/** What is right below, for the panel's list and for the keyboard. */
export function partsOf(world: World, id: string): string[] {
  const { ways } = world;
  const object = world.objects.get(id);
  if (object?.kind === 'Service') return topOwners(world, object.selects ?? []);
  if (object?.kind === 'Node') return (ways.podsOnNode.get(object.name) ?? []).map((pod) => pod.id);
  if (object?.kind === 'Pod') return (ways.containersOf.get(id) ?? []).map((container) => container.id);
  if (object) return (ways.ownedBy.get(id) ?? []).map((owned) => owned.id);
  if (world.containers.has(id)) return (ways.processesOf.get(id) ?? []).map((process) => process.id);
  return (world.processes.get(id)?.threads ?? []).map(threadId);
}

function topOwners(world: World, pods: string[]): string[] {
  const tops = new Set<string>();
  for (const pod of pods) {
    let top = pod;
    for (let owner = world.objects.get(pod)?.owner; owner && world.objects.has(owner); ) {
      top = owner;
      owner = world.objects.get(owner)?.owner;
    }
    tops.add(top);
  }
  return [...tops];
}
