import type { LiveContainer, LiveObject, LiveProcess } from '../../src/inspect/live-types.ts';
import type { World } from '../model/world.ts';
import { type Box, newBox } from './box.ts';

/** Which objects the map shows. */
export interface MapFilter {
  /** '' for all. */
  namespace: string;
  /** Only Pods that are not well, with what they are part of. */
  onlyTrouble: boolean;
  /** Processes of the host that are of no cluster. */
  showHost: boolean;
}

/**
 * Service, workload, ReplicaSet, Pod, container, process as boxes in boxes. A Pod is shown once: within the first
 * Service that selects it; hovering joins it with the others.
 */
export function workloadBoxes(world: World, filter: MapFilter): Box {
  const shown = new Set<string>();
  const root = newBox('root', 'root:workloads');
  for (const namespace of namespacesOf(world, filter)) {
    const objects = byName([...world.objects.values()].filter((object) => object.namespace === namespace));
    const box = newBox('namespace', `namespace:${namespace}`, { name: namespace, word: 'Namespace' });
    for (const service of objects.filter(({ kind }) => kind === 'Service')) {
      const pods = podsOf(world, service.selects ?? [], filter).filter(({ id }) => !shown.has(id));
      if (pods.length === 0 && (filter.onlyTrouble || service.selects?.length)) continue;
      for (const { id } of pods) shown.add(id);
      box.children.push(objectBox(service, groupByOwner(world, pods)));
    }
    const rest = objects.filter((object) => object.kind === 'Pod' && !shown.has(object.id) && passes(object, filter));
    box.children.push(...groupByOwner(world, rest));
    if (!filter.onlyTrouble) box.children.push(...idleWorkloads(world, objects));
    if (box.children.length > 0) root.children.push(box);
  }
  return root;
}

function namespacesOf(world: World, { namespace }: MapFilter): string[] {
  if (namespace) return [namespace];
  const names = new Set([...world.objects.values()].map((object) => object.namespace).filter(Boolean));
  const system = (name: string) => Number(name.startsWith('kube-'));
  return [...names].sort((a, b) => system(a) - system(b) || compare(a, b));
}

function podsOf(world: World, ids: string[], filter: MapFilter): LiveObject[] {
  return ids.flatMap((id) => world.objects.get(id) ?? []).filter((pod) => passes(pod, filter));
}

const passes = (pod: LiveObject, { onlyTrouble }: MapFilter): boolean =>
  !onlyTrouble || pod.health === 'bad' || pod.health === 'progress';

/** Pods under their controllers, the farthest outside. */
function groupByOwner(world: World, pods: LiveObject[]): Box[] {
  const roots: Box[] = [];
  const made = new Map<string, Box>();
  const boxOf = (object: LiveObject): Box => {
    let box = made.get(object.id);
    if (box) return box;
    box = objectBox(object, []);
    made.set(object.id, box);
    const owner = object.owner ? world.objects.get(object.owner) : undefined;
    if (owner) boxOf(owner).children.push(box);
    else roots.push(box);
    return box;
  };
  for (const pod of byName(pods)) {
    const owner = pod.owner ? world.objects.get(pod.owner) : undefined;
    const box = podBox(world, pod);
    if (owner) boxOf(owner).children.push(box);
    else roots.push(box);
  }
  return roots;
}

/** Workloads without a Pod that nobody else owns: scaled to nothing, or waiting. */
function idleWorkloads(world: World, objects: LiveObject[]): Box[] {
  return objects
    .filter(({ id, kind, owner }) => kind !== 'Pod' && kind !== 'Service' && !owner && !hasPods(world, id))
    .map((object) => objectBox(object, []));
}

function hasPods(world: World, id: string): boolean {
  return (world.ways.ownedBy.get(id) ?? []).some((owned) => owned.kind === 'Pod' || hasPods(world, owned.id));
}

export function objectBox(object: LiveObject, children: Box[]): Box {
  const { id, kind, name, status, health, addresses } = object;
  const note = kind === 'Service' ? [status, addresses?.[0]].filter(Boolean).join(' · ') : status;
  return newBox('object', id, { word: kind, name, note, health, children });
}

export function podBox(world: World, pod: LiveObject): Box {
  const containers = world.ways.containersOf.get(pod.id) ?? [];
  const note = [pod.status, ...(pod.addresses?.slice(0, 1) ?? [])].join(' · ');
  const children = containers.map((container) => containerBox(world, container));
  return newBox('pod', pod.id, { word: 'Pod', name: pod.name, note, health: pod.health, children });
}

export function containerBox(world: World, container: LiveContainer): Box {
  const { id, name, status, health, restarts } = container;
  const note = restarts > 0 ? `${status} · ${restarts}×` : status === 'Running' ? '' : status;
  const processes = world.ways.processesOf.get(id) ?? [];
  return newBox('container', id, { word: '', name, note, health, children: byPid(processes).map(processBox) });
}

export function processBox(process: LiveProcess): Box {
  const { id, pid, name, command } = process;
  return newBox('process', id, { name: titleOf(name, command), note: String(pid), process });
}

/** The kernel's name is cut at 15 bytes; where the command line begins alike it says more. */
export function titleOf(name: string, command: string): string {
  if (name.length < 15) return name;
  const first = command.split(' ')[0] ?? '';
  const base = first.startsWith('/') ? first.slice(first.lastIndexOf('/') + 1) : command;
  return base.startsWith(name) ? base.slice(0, 40) : name;
}

export function byPid(processes: LiveProcess[]): LiveProcess[] {
  return [...processes].sort((a, b) => a.pid - b.pid);
}

export function byName(objects: LiveObject[]): LiveObject[] {
  return objects.sort((a, b) => compare(a.name, b.name));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
