import type { LiveObject, LiveProcess } from '../../src/inspect/live-types.ts';
import type { World } from '../model/world.ts';
import { type Box, newBox } from './box.ts';
import { byName, byPid, containerBox, type MapFilter, objectBox, processBox } from './workload-boxes.ts';

/** What runs in each of a cluster's two processes (src/control-plane.ts, src/node.ts). */
const parts = {
  'control plane': 'API server · store · scheduler · controllers',
  node: 'kubelet · runtime · network · DNS',
} as const;

type Component = keyof typeof parts;

/** Which component of which cluster a process is, as its title says: 'vitrine: control plane default', 'vitrine: node default/vm-2'. */
export function componentOf(
  process: LiveProcess,
): { component: Component; cluster: string; node: string | undefined } | undefined {
  const title = process.role === 'vitrine' ? process.command : '';
  const match = /^vitrine: (control plane|node) ([^\s/]+)(?:\/(\S+))?/.exec(title);
  return match ? { component: match[1] as Component, cluster: match[2] ?? '', node: match[3] } : undefined;
}

/**
 * The cluster's processes, then each node with its Pods and the monitors that hold their containers, then the rest
 * of the host. Containers are boxes without their processes here: those are in the other view, and light up there.
 */
export function controlPlaneBoxes(world: World, filter: MapFilter): Box {
  const root = newBox('root', 'root:control-plane');
  const cluster = world.host?.cluster;
  const known = new Set<string>();
  const components = newBox('group', 'group:components', { name: 'Vitrine', note: cluster ?? '' });
  for (const process of byPid([...world.processes.values()])) {
    const found = componentOf(process);
    if (!found || found.cluster !== cluster) continue;
    known.add(process.id);
    const note = parts[found.component];
    const name = found.node ? `${found.component} ${found.node}` : found.component;
    const group = newBox('object', `component:${name}`, { word: '', name, note });
    group.children.push(processBox(process));
    components.children.push(group);
  }
  if (components.children.length > 0) root.children.push(components);
  for (const node of byName([...world.objects.values()].filter(({ kind }) => kind === 'Node')))
    root.children.push(nodeBox(world, node, filter, known));
  if (filter.showHost) root.children.push(...hostGroups(world, known));
  return root;
}

function nodeBox(world: World, node: LiveObject, filter: MapFilter, known: Set<string>): Box {
  const box = objectBox(node, []);
  for (const pod of byName([...(world.ways.podsOnNode.get(node.name) ?? [])])) {
    const containers = world.ways.containersOf.get(pod.id) ?? [];
    for (const { id } of containers) for (const monitor of world.ways.monitorsOf.get(id) ?? []) known.add(monitor.id);
    if (filter.namespace && pod.namespace !== filter.namespace) continue;
    if (filter.onlyTrouble && pod.health !== 'bad' && pod.health !== 'progress') continue;
    const children = containers.flatMap((container) => [
      { ...containerBox(world, container), children: [], note: processCount(world, container.id) },
      ...(world.ways.monitorsOf.get(container.id) ?? []).map(processBox),
    ]);
    const { id, name, status, health } = pod;
    box.children.push(newBox('pod', id, { word: 'Pod', name, note: status, health, children }));
  }
  return box;
}

function processCount(world: World, container: string): string {
  const processes = world.ways.processesOf.get(container) ?? [];
  const threads = processes.reduce((sum, process) => sum + process.threads.length, 0);
  return processes.length === 0 ? '' : `${processes.length} · ${threads}`;
}

/** Whether a process is shown only with the rest of the host. */
export function isOnHost(world: World, id: string): boolean {
  const process = world.processes.get(id);
  if (!process || componentOf(process)?.cluster === world.host?.cluster) return false;
  const container = world.containers.get(process.container ?? process.watches ?? '');
  return container?.pod === undefined;
}

/** Processes of other clusters and containers, of services, of the kernel. */
function hostGroups(world: World, known: Set<string>): Box[] {
  const groups = new Map<string, Box>();
  for (const process of byPid([...world.processes.values()])) {
    const container = process.container ? world.containers.get(process.container) : undefined;
    if (known.has(process.id) || container?.pod) continue;
    const name = groupOf(process, container?.runtime);
    let group = groups.get(name);
    if (!group) {
      group = newBox('group', `group:${name}`, { name });
      groups.set(name, group);
    }
    group.children.push(processBox(process));
  }
  for (const group of groups.values()) group.note = String(group.children.length);
  // Kernel threads are many and say little: last.
  return [...groups.values()].sort((a, b) => Number(a.name === 'kernel') - Number(b.name === 'kernel'));
}

function groupOf(process: LiveProcess, runtime: string | undefined): string {
  if (process.pid === 2 || process.ppid === 2) return 'kernel';
  if (runtime) return runtime;
  const component = componentOf(process);
  if (component) return `vitrine ${component.cluster}`;
  if (process.role === 'monitor') return 'monitors';
  return process.unit ?? 'host';
}
