import type { Pod, Service } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import type { ProcessInfo } from '../linux/proc.ts';
import { type ClusterObjects, noObjects } from './cluster-objects.ts';
import { joinSnapshot } from './join.ts';
import type { Snapshot } from './snapshot.ts';

/** Made-up hosts and clusters for tests of the glass. */

export const containerId = (digit: string): string => digit.repeat(64);

export function processInfo(pid: number, ppid: number, fields: Partial<ProcessInfo> = {}): ProcessInfo {
  return {
    pid,
    ppid,
    comm: 'httpd',
    state: 'S',
    pgid: pid,
    sid: pid,
    tty: 0,
    tpgid: -1,
    kernelThread: false,
    userTicks: 0,
    systemTicks: 0,
    priority: 20,
    nice: 0,
    policy: 0,
    threadCount: 1,
    startTicks: 100 + pid,
    virtualBytes: 8192,
    processor: 0,
    cmdline: ['httpd', '-DFOREGROUND'],
    uid: 0,
    rssBytes: 4096,
    locked: false,
    cgroups: { memory: '/' },
    namespaces: { net: 1, pid: 2 },
    innerPid: pid,
    ...fields,
  };
}

export function metadata(name: string, more: Partial<KubeObject['metadata']> = {}): KubeObject['metadata'] {
  const creationTimestamp = '2025-01-01T00:00:00Z';
  return { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp, ...more };
}

const ownedBy = (kind: string, name: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: `uid-${name}`, controller: true }],
});

/** A Service over a Deployment of Pods 'web-1-a', 'web-1-b', …, each with one running container 'httpd'. */
export function webObjects(pods: { name: string; containerId?: string }[]): ClusterObjects {
  const labels = { app: 'web' };
  return {
    ...noObjects(),
    services: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: metadata('web'),
        spec: { type: 'LoadBalancer', clusterIPs: ['10.1.0.5'], selector: labels, ports: [{ port: 80 }] },
        status: { loadBalancer: { ingress: [{ ip: '10.2.0.1' }] } },
      } as Service,
    ],
    workloads: [
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata('web') },
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: metadata('web-1', ownedBy('Deployment', 'web')) },
    ].map((object, index) => ({
      ...object,
      metadata: { ...object.metadata, uid: ['uid-web', 'uid-web-1'][index]! },
      spec: { replicas: pods.length },
      status: { readyReplicas: pods.length },
    })),
    pods: pods.map(({ name, containerId: id }): Pod => {
      const state = id ? { running: {} } : { waiting: { reason: 'ImagePullBackOff' } };
      const status = { name: 'httpd', image: 'httpd:latest', imageID: '', ready: !!id, restartCount: 0, state };
      return {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: metadata(name, { labels, ...ownedBy('ReplicaSet', 'web-1') }),
        spec: { nodeName: 'here', containers: [{ name: 'httpd', image: 'httpd:latest' }] },
        status: {
          phase: id ? 'Running' : 'Pending',
          containerStatuses: [{ ...status, ...(id && { containerID: `vitrine://${id}` }) }],
        },
      };
    }),
  };
}

export const podCgroup = (pod: string, id: string, cluster = 'default'): string =>
  `/vitrine-${cluster}/kubepods/besteffort/poduid-${pod}/${id}`;

export function snapshotOf(processes: ProcessInfo[], objects: ClusterObjects = noObjects()): Snapshot {
  return joinSnapshot({
    host: { hostname: 'here', bootTimeMs: 0, uptimeMs: 1e6, cpus: 2, memoryBytes: 2 ** 30, cgroups: 'v2' },
    processes,
    objects,
    users: new Map([[0, 'root']]),
    readCgroup: () => undefined,
    takenAtMs: 1e6,
  });
}

/** One Pod 'web-1-a': monitor 10, first process 11 with children 12 and 13 of 27 threads, and 14, started by exec. */
export function webHost(): ProcessInfo[] {
  const id = containerId('a');
  const cgroups = { '': podCgroup('web-1-a', id) };
  const namespaces = { net: 50, pid: 51, user: 3 };
  return [
    processInfo(1, 0, { comm: 'init', cmdline: ['init'], namespaces: { net: 1, pid: 2, user: 3 } }),
    processInfo(10, 1, { comm: 'conmon', cmdline: ['conmon', '--api-version', '1', '--cid', id] }),
    processInfo(11, 10, { cgroups, namespaces, innerPid: 1 }),
    processInfo(12, 11, { cgroups, namespaces, threadCount: 27 }),
    processInfo(13, 11, { cgroups, namespaces, threadCount: 27 }),
    processInfo(14, 1, { comm: 'sh', cmdline: ['sh'], cgroups, namespaces, startTicks: 5 }),
  ];
}
