import path from 'node:path';
import { directoryUse } from '../disk-use.ts';
import { containerNameOf } from '../labels.ts';
import type { NodeContext } from '../node-context.ts';
import { podDirs } from '../pod-files.ts';
import type { PodRecord } from '../pod-record.ts';
import type { ContainerUsage, DiskUse, PodUsage } from './pod-usage.ts';

const nothing: DiskUse = { bytes: 0, inodes: 0 };

/** Measures Pods. `disk`: walks their directories, too, which is only done when it matters. */
export function measurePods(node: NodeContext, records: PodRecord[], { disk }: { disk: boolean }): Promise<PodUsage[]> {
  return Promise.all(records.map((record) => measure(node, record, disk)));
}

async function measure(node: NodeContext, record: PodRecord, disk: boolean): Promise<PodUsage> {
  const cgroup = record.sandbox?.spec.cgroup;
  const usage = cgroup ? await node.linux.cgroups.usage(cgroup).catch(() => undefined) : undefined;
  const running = record.allContainers(node.runtime).filter(({ state }) => state === 'running');
  const logs = podDirs(node.paths, record.pod).logs;
  const containers = await Promise.all(
    running.map(async (container): Promise<ContainerUsage> => {
      const name = containerNameOf(container);
      const [own, writable, log] = await Promise.all([
        node.linux.cgroups.usage(container.cgroup).catch(() => undefined),
        disk ? node.runtime.writableLayer(container.id) : undefined,
        disk ? directoryUse(path.join(logs, name)) : nothing,
      ]);
      const rootfs = writable ? await directoryUse(writable) : nothing;
      return { name, memoryBytes: own?.workingSetBytes ?? 0, rootfs, logs: log };
    }),
  );
  return {
    pod: record.pod,
    memoryBytes: usage?.workingSetBytes,
    processes: usage?.pids ?? 0,
    containers,
    volumes: disk ? await measureVolumes(node, record) : [],
  };
}

async function measureVolumes(node: NodeContext, { pod, uid }: PodRecord): Promise<PodUsage['volumes']> {
  const ready = node.volumes.ready(uid);
  const own = (pod.spec.volumes ?? []).filter(({ name, emptyDir }) => emptyDir && ready.has(name));
  return Promise.all(
    own.map(async ({ name, emptyDir }) => {
      const use = await directoryUse(ready.get(name)?.hostPath ?? '');
      return { name, use, memory: !!emptyDir?.medium };
    }),
  );
}
