import { plural } from '../plural.ts';
import { size } from '../size.ts';
import type { CgroupUse, Container, Snapshot } from '../snapshot.ts';
import { containerSteps } from './above.ts';
import type { Look, LookContext } from './look.ts';
import { commandText, processNode } from './process.ts';

/** A container of any runtime; names and images of foreign ones come from their state on disk. */
export function lookAtContainer(container: Container, { snapshot }: LookContext): Look {
  const { name, image } = container;
  const reading = container.cgroup ? snapshot.readCgroup(container.cgroup) : undefined;
  const threads = container.processes.reduce((sum, { threadCount }) => sum + threadCount, 0);
  return {
    type: 'container',
    title: `container ${name ?? container.id.slice(0, 12)}`,
    above: containerSteps(container, snapshot),
    facts: [
      { name: 'id', value: container.id },
      {
        name: 'runtime',
        value: container.cluster ? `${container.runtime}, cluster ${container.cluster}` : container.runtime,
      },
      ...(image ? [{ name: 'image', value: image }] : []),
      ...(container.podName ? [{ name: 'pod', value: container.podName }] : []),
      ...(container.monitor
        ? [{ name: 'monitor', value: `${container.monitor.pid} ${commandText(container.monitor)}`.slice(0, 120) }]
        : []),
      { name: 'cgroup', value: container.cgroup },
      ...(reading ? readingFacts(reading) : []),
      ...pressureFacts(container.cgroup, snapshot),
      { name: 'namespaces', value: namespacesOf(container, snapshot) },
      { name: 'processes', value: `${container.processes.length} with ${plural(threads, 'thread')}` },
    ],
    below: container.processes.filter(({ parent }) => parent?.container !== container).map(processNode),
  };
}

export function readingFacts(reading: CgroupUse): Look['facts'] {
  const { memoryLimitBytes, pidsLimit, cpuLimit } = reading;
  return [
    {
      name: 'memory',
      value: `${size(reading.memoryBytes)} of ${memoryLimitBytes === undefined ? 'no limit' : size(memoryLimitBytes)}`,
    },
    {
      name: 'cpu',
      value: `${(reading.cpuNanoseconds / 1e9).toFixed(2)} s used, ${cpuLimit === undefined ? 'no limit' : `limit ${cpuLimit}`}, throttled ${(reading.throttledNanoseconds / 1e9).toFixed(2)} s`,
    },
    { name: 'pids', value: `${reading.pids} of ${pidsLimit ?? 'no limit'}` },
    ...(reading.oomKills > 0 ? [{ name: 'OOM kills', value: String(reading.oomKills) }] : []),
  ];
}

/** Only what has waited. */
export function pressureFacts(cgroup: string, snapshot: Snapshot): Look['facts'] {
  const waited = Object.entries(cgroup ? snapshot.readPressure(cgroup) : {}).filter(
    ([, { some }]) => some.totalMicroseconds > 0,
  );
  if (waited.length === 0) return [];
  const one = ([name, { some, full }]: (typeof waited)[number]) =>
    `${name} ${some.avg10} % (all of it ${full?.avg10 ?? 0} %), ${(some.totalMicroseconds / 1e6).toFixed(1)} s in all`;
  return [{ name: 'waited for', value: waited.map(one).join('; ') }];
}

function namespacesOf({ first, processes }: Container, { namespaces }: Snapshot): string {
  const own = Object.entries((first ?? processes[0])?.namespaces ?? {});
  return (
    own
      .map(([kind, inode]) => {
        const namespace = namespaces.get(inode);
        const shared = namespace?.host ? ' (host)' : (namespace?.containers.size ?? 0) > 1 ? ' (shared)' : '';
        return `${kind} ${inode}${shared}`;
      })
      .join(', ') || 'hidden'
  );
}
