import type { MetricFamily, Sample } from '../../base/metrics.ts';
import type { ContainerUse, NodeUse, PodUse } from './usage.ts';

/** GET /metrics/resource: what autoscaling and `kubectl top` need (kubelet metrics/collectors/resource_metrics.go). */
export function resourceMetrics(node: NodeUse): MetricFamily[] {
  const { pods, atMs } = node;
  const containers = pods.flatMap((pod) => pod.containers.map((one) => ({ pod, one })));
  const ofContainers = (read: (one: ContainerUse) => Omit<Sample, 'labels'>): Sample[] =>
    containers.map(({ pod, one }) => ({ labels: containerLabels(pod, one), ...read(one) }));
  const ofPods = (read: (pod: PodUse) => Omit<Sample, 'labels'>): Sample[] =>
    pods.map((pod) => ({ labels: podLabels(pod), ...read(pod) }));
  return [
    {
      name: 'container_cpu_usage_seconds_total',
      help: 'Cumulative cpu time consumed by the container in core-seconds',
      type: 'counter',
      samples: ofContainers(({ use, atMs }) => ({ value: use.cpuNanoseconds / 1e9, atMs })),
    },
    {
      name: 'container_memory_working_set_bytes',
      help: 'Current working set of the container in bytes',
      type: 'gauge',
      samples: ofContainers(({ use, atMs }) => ({ value: use.workingSetBytes, atMs })),
    },
    {
      name: 'container_start_time_seconds',
      help: 'Start time of the container since unix epoch in seconds',
      type: 'gauge',
      samples: ofContainers(({ container }) => ({ value: container.startedAtMs / 1000 })),
    },
    {
      name: 'container_swap_usage_bytes',
      help: 'Current amount of the container swap usage in bytes. Reported only on non-windows systems',
      type: 'gauge',
      samples: ofContainers(({ use, atMs }) => ({ value: use.swapBytes, atMs })),
    },
    {
      name: 'node_cpu_usage_seconds_total',
      help: 'Cumulative cpu time consumed by the node in core-seconds',
      type: 'counter',
      samples: [{ value: node.cpuNanoseconds / 1e9, atMs }],
    },
    {
      name: 'node_memory_working_set_bytes',
      help: 'Current working set of the node in bytes',
      type: 'gauge',
      samples: [{ value: node.workingSetBytes, atMs }],
    },
    {
      name: 'pod_cpu_usage_seconds_total',
      help: 'Cumulative cpu time consumed by the pod in core-seconds',
      type: 'counter',
      samples: ofPods(({ use, atMs }) => ({ value: use.cpuNanoseconds / 1e9, atMs })),
    },
    {
      name: 'pod_memory_working_set_bytes',
      help: 'Current working set of the pod in bytes',
      type: 'gauge',
      samples: ofPods(({ use, atMs }) => ({ value: use.workingSetBytes, atMs })),
    },
    {
      name: 'pod_swap_usage_bytes',
      help: 'Current amount of the pod swap usage in bytes. Reported only on non-windows systems',
      type: 'gauge',
      samples: ofPods(({ use, atMs }) => ({ value: use.swapBytes, atMs })),
    },
    {
      name: 'resource_scrape_error',
      help: '1 if there was an error while getting container metrics, 0 otherwise',
      type: 'gauge',
      samples: [{ value: 0 }],
    },
  ];
}

const podLabels = ({ name, namespace }: PodUse) => ({ namespace, pod: name });
const containerLabels = (pod: PodUse, { name }: ContainerUse) => ({ container: name, ...podLabels(pod) });
