import type { LiveContainer, LiveObject, LiveProcess, LiveSnapshot } from '../../src/inspect/live-types.ts';
import { World } from './world.ts';

/** A Service with one Deployment of `pods` Pods, each a container with a monitor and `threads` threads. */
export function makeWorld(pods: number, threads: number): World {
  const world = new World();
  world.replace(makeSnapshot(pods, threads));
  return world;
}

export function makeSnapshot(pods: number, threads: number): LiveSnapshot {
  const numbers = Array.from({ length: pods }, (_, i) => i);
  const selects = numbers.map((i) => `pod-${i}`);
  const objects: LiveObject[] = [
    object('node', 'Node', 'n1', { namespace: '' }),
    object('svc', 'Service', 'web', { selects }),
    object('deploy', 'Deployment', 'web', { wanted: pods }),
    object('rs', 'ReplicaSet', 'web-1', { owner: 'deploy' }),
    ...numbers.map((i) => object(`pod-${i}`, 'Pod', `web-1-${i}`, { owner: 'rs', node: 'n1' })),
  ];
  const processes = numbers.flatMap((i) => [
    process(1000 + i * 1000, threads, { container: `c-${i}`, name: 'httpd', role: 'first' }),
    process(1000 + i * 1000 - 1, 1, { watches: `c-${i}`, name: 'conmon', role: 'monitor' }),
  ]);
  const host = { hostname: 'n1', cluster: 'x', cpus: 2, memoryBytes: 2 ** 33, bootTimeMs: 0, cgroups: 'v2' };
  const containers = numbers.map(container);
  return { schema: 'vitrine/live/v1', takenAtMs: 1e6, host, objects, containers, processes };
}

function object(id: string, kind: string, name: string, more: Partial<LiveObject>): LiveObject {
  return { id, kind, namespace: 'default', name, status: '', health: 'good', createdAtMs: 0, path: `/${id}`, ...more };
}

function container(i: number): LiveContainer {
  return {
    id: `c-${i}`,
    pod: `pod-${i}`,
    name: 'httpd',
    image: 'httpd:latest',
    runtime: 'vitrine',
    status: 'Running',
    health: 'good',
    restarts: 0,
    running: true,
    init: false,
    cgroup: '/x',
  };
}

function process(pid: number, threads: number, more: Partial<LiveProcess>): LiveProcess {
  return {
    id: `p${pid}.5`,
    pid,
    ppid: 1,
    innerPid: 1,
    name: 'sh',
    command: 'sh',
    state: 'S',
    cpuTicks: 0,
    rssBytes: 2 ** 22,
    user: 'root',
    startedAtMs: 0,
    cgroup: '/x',
    namespaces: { net: 1 },
    threads: Array.from({ length: threads }, (_, i) => [pid + i, 5, 'S', 0, 'httpd']),
    ...more,
  };
}
