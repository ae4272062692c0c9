import type { MetricFamily, Sample } from '../../base/metrics.ts';
import type { CgroupUsage } from '../../linux/linux.ts';
import type { InterfaceUse } from '../../linux/network-use.ts';
import type { NodeContext } from '../node-context.ts';
import { type NodeUse, networkOf, type PodUse } from './usage.ts';

/** A cgroup that is told of: a container's, a Pod's, or the root. */
interface Row {
  labels: Record<string, string>;
  use: CgroupUsage;
  atMs: number;
  startedAtMs?: number;
}

type Read = (use: CgroupUsage) => number | undefined;

/** Figures of each cgroup, with cAdvisor's names (cadvisor metrics/prometheus.go). */
const figures: [name: string, type: 'counter' | 'gauge', help: string, read: Read][] = [
  [
    'container_cpu_usage_seconds_total',
    'counter',
    'Cumulative cpu time consumed in seconds.',
    (use) => use.cpuNanoseconds / 1e9,
  ],
  [
    'container_cpu_cfs_periods_total',
    'counter',
    'Number of elapsed enforcement period intervals.',
    (use) => use.cpuPeriods || undefined,
  ],
  [
    'container_cpu_cfs_throttled_periods_total',
    'counter',
    'Number of throttled period intervals.',
    (use) => (use.cpuPeriods ? use.throttledPeriods : undefined),
  ],
  [
    'container_cpu_cfs_throttled_seconds_total',
    'counter',
    'Total time duration the container has been throttled.',
    (use) => (use.cpuPeriods ? use.throttledNanoseconds / 1e9 : undefined),
  ],
  ['container_memory_cache', 'gauge', 'Number of bytes of page cache memory.', (use) => use.cacheBytes],
  ['container_memory_rss', 'gauge', 'Size of RSS in bytes.', (use) => use.rssBytes],
  ['container_memory_swap', 'gauge', 'Container swap usage in bytes.', (use) => use.swapBytes],
  [
    'container_memory_usage_bytes',
    'gauge',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    (use) => use.memoryBytes,
  ],
  ['container_memory_working_set_bytes', 'gauge', 'Current working set in bytes.', (use) => use.workingSetBytes],
  [
    'container_oom_events_total',
    'counter',
    'Count of out of memory events observed for the container',
    (use) => use.oomKills,
  ],
  ['container_processes', 'gauge', 'Number of processes running inside the container.', (use) => use.pids],
  ['container_spec_memory_limit_bytes', 'gauge', 'Memory limit for the container.', (use) => use.memoryLimitBytes ?? 0],
];

const traffic: [name: string, help: string, read: (one: InterfaceUse) => number][] = [
  ['container_network_receive_bytes_total', 'Cumulative count of bytes received', (one) => one.rxBytes],
  [
    'container_network_receive_errors_total',
    'Cumulative count of errors encountered while receiving',
    (one) => one.rxErrors,
  ],
  [
    'container_network_receive_packets_dropped_total',
    'Cumulative count of packets dropped while receiving',
    (one) => one.rxDropped,
  ],
  ['container_network_receive_packets_total', 'Cumulative count of packets received', (one) => one.rxPackets],
  ['container_network_transmit_bytes_total', 'Cumulative count of bytes transmitted', (one) => one.txBytes],
  [
    'container_network_transmit_errors_total',
    'Cumulative count of errors encountered while transmitting',
    (one) => one.txErrors,
  ],
  [
    'container_network_transmit_packets_dropped_total',
    'Cumulative count of packets dropped while transmitting',
    (one) => one.txDropped,
  ],
  ['container_network_transmit_packets_total', 'Cumulative count of packets transmitted', (one) => one.txPackets],
];

/** GET /metrics/cadvisor: what dashboards know containers by. */
export function cadvisorMetrics(node: NodeContext, use: NodeUse): MetricFamily[] {
  const rows = use.pods.flatMap(rowsOf);
  const interfaces = use.pods.flatMap((pod) => networkOf(pod).map((one) => ({ pod, one })));
  return [
    ...figures.map(([name, type, help, read]) => ({
      ...{ name, type, help },
      samples: rows.flatMap(({ labels, use: own, atMs }): Sample[] => {
        const value = read(own);
        return value === undefined ? [] : [{ labels, value, atMs }];
      }),
    })),
    {
      name: 'container_start_time_seconds',
      type: 'gauge',
      help: 'Start time of the container since unix epoch in seconds.',
      samples: rows.flatMap(({ labels, startedAtMs }) =>
        startedAtMs === undefined ? [] : [{ labels, value: startedAtMs / 1000 }],
      ),
    },
    ...traffic.map(([name, help, read]) => ({
      ...{ name, help },
      type: 'counter' as const,
      samples: interfaces.map(({ pod, one }) => ({
        labels: { ...labelsOf(pod, '', '', pod.record.sandbox?.spec.cgroup ?? ''), interface: one.name },
        value: read(one),
        atMs: pod.atMs,
      })),
    })),
    {
      name: 'machine_cpu_cores',
      type: 'gauge',
      help: 'Number of logical CPU cores.',
      samples: [{ value: node.machine.cpus }],
    },
    {
      name: 'machine_memory_bytes',
      type: 'gauge',
      help: 'Amount of memory installed on the machine.',
      samples: [{ value: node.machine.memoryBytes }],
    },
  ];
}

function rowsOf(pod: PodUse): Row[] {
  const own: Row = {
    labels: labelsOf(pod, '', '', pod.record.sandbox?.spec.cgroup ?? ''),
    use: pod.use,
    atMs: pod.atMs,
  };
  const containers = pod.containers.map(({ name, container, use, atMs }) => ({
    labels: labelsOf(pod, name, container.image.name, container.cgroup, container.id),
    ...{ use, atMs, startedAtMs: container.startedAtMs },
  }));
  return [own, ...containers];
}

/** containerPrometheusLabelsFunc: `id` is the cgroup, `name` the runtime's. */
function labelsOf({ name, namespace }: PodUse, container: string, image: string, id: string, containerId = '') {
  return { container, id, image, name: containerId, namespace, pod: name };
}
