import { containerNameOf } from '../labels.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodRecord } from '../pod-record.ts';

/** GET /stats/summary: use of the node and of each container (kubelet pkg/apis/stats/v1alpha1). */
export async function statsSummary(node: NodeContext, records: PodRecord[]): Promise<object> {
  const pods = await Promise.all(records.map((record) => podStats(node, record)));
  const time = new Date(node.clock.now()).toISOString();
  const sum = (read: (pod: (typeof pods)[number]) => number) => pods.reduce((total, pod) => total + read(pod), 0);
  return {
    node: {
      nodeName: node.nodeName,
      cpu: { time, usageCoreNanoSeconds: sum(({ cpu }) => cpu.usageCoreNanoSeconds) },
      memory: {
        time,
        usageBytes: sum(({ memory }) => memory.usageBytes),
        workingSetBytes: sum(({ memory }) => memory.workingSetBytes),
      },
    },
    pods,
  };
}

async function podStats(node: NodeContext, record: PodRecord) {
  const { name, namespace, uid } = record.pod.metadata;
  const running = record.allContainers(node.runtime).filter(({ state }) => state === 'running');
  const found = await Promise.all(running.map(async (one) => ({ one, stats: await node.runtime.stats(one.id) })));
  const containers = found.flatMap(({ one, stats }) => {
    if (!stats) return [];
    const time = new Date(stats.atMs).toISOString();
    return {
      name: containerNameOf(one),
      startTime: new Date(one.startedAtMs).toISOString(),
      cpu: { time, usageCoreNanoSeconds: stats.cpuNanoseconds },
      memory: { time, usageBytes: stats.memoryBytes, workingSetBytes: stats.workingSetBytes },
      rootfs: { time, usedBytes: stats.writableBytes },
    };
  });
  const sum = (read: (one: (typeof containers)[number]) => number) =>
    containers.reduce((total, one) => total + read(one), 0);
  return {
    podRef: { name, namespace, uid },
    startTime: record.pod.status?.startTime,
    containers,
    cpu: { usageCoreNanoSeconds: sum(({ cpu }) => cpu.usageCoreNanoSeconds) },
    memory: {
      usageBytes: sum(({ memory }) => memory.usageBytes),
      workingSetBytes: sum(({ memory }) => memory.workingSetBytes),
    },
    process_stats: { process_count: found.reduce((total, { stats }) => total + (stats?.pids ?? 0), 0) },
  };
}
