import { type MetricFamily, processMetrics } from '../../base/metrics.ts';
import type { DiskUsage } from '../../linux/system-info.ts';
import { diskOf } from '../disk-use.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodRecord } from '../pod-record.ts';

/** GET /metrics: the kubelet about itself (kubelet metrics/metrics.go, metrics/collectors/volume_stats.go). */
export function ownMetrics(node: NodeContext, records: readonly PodRecord[]): MetricFamily[] {
  const containers = records.flatMap((record) => record.allContainers(node.runtime));
  const states = ['created', 'running', 'exited'] as const;
  return [
    {
      name: 'kubelet_node_name',
      help: "The node's name. The count is always 1.",
      type: 'gauge',
      samples: [{ labels: { node: node.nodeName }, value: 1 }],
    },
    {
      name: 'kubelet_running_pods',
      help: 'Number of pods that have a running pod sandbox',
      type: 'gauge',
      samples: [{ value: records.filter(({ finished }) => !finished).length }],
    },
    {
      name: 'kubelet_running_containers',
      help: 'Number of containers currently running',
      type: 'gauge',
      samples: states.map((state) => ({
        labels: { container_state: state },
        value: containers.filter((container) => container.state === state).length,
      })),
    },
    {
      name: 'kubelet_evictions',
      help: 'Cumulative number of pod evictions by eviction signal',
      type: 'counter',
      samples: [...node.evictions].map(([signal, value]) => ({ labels: { eviction_signal: signal }, value })),
    },
    ...volumeMetrics(node, records),
    ...processMetrics(),
  ];
}

/** How full the volumes behind claims are. */
function volumeMetrics(node: NodeContext, records: readonly PodRecord[]): MetricFamily[] {
  const claims = new Map<string, { labels: Record<string, string>; hostPath: string }>();
  for (const { pod, uid } of records) {
    const ready = node.volumes.ready(uid);
    for (const { name, persistentVolumeClaim: claim } of pod.spec.volumes ?? []) {
      const hostPath = ready.get(name)?.hostPath;
      const namespace = pod.metadata.namespace ?? '';
      const labels = { namespace, persistentvolumeclaim: claim?.claimName ?? '' };
      if (claim && hostPath) claims.set(`${namespace}/${claim.claimName}`, { labels, hostPath });
    }
  }
  const found = [...claims.values()].map(({ labels, hostPath }) => ({ labels, disk: diskOf(hostPath) }));
  const figure = (name: string, help: string, read: (disk: DiskUsage) => number) => ({
    name: `kubelet_volume_stats_${name}`,
    ...{ help, type: 'gauge' as const },
    samples: found.map(({ labels, disk }) => ({ labels, value: read(disk) })),
  });
  return [
    figure('available_bytes', 'Number of available bytes in the volume', (disk) => disk.availableBytes),
    figure('capacity_bytes', 'Capacity in bytes of the volume', (disk) => disk.capacityBytes),
    figure('inodes', 'Maximum number of inodes in the volume', (disk) => disk.inodes),
    figure('inodes_free', 'Number of free inodes in the volume', (disk) => disk.inodesFree),
    figure('inodes_used', 'Number of used inodes in the volume', (disk) => disk.inodes - disk.inodesFree),
    figure('used_bytes', 'Number of used bytes in the volume', (disk) => disk.usedBytes),
  ];
}
