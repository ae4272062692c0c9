import type { Node, Service } from '../src/api/generated/core-v1.ts';
import { type ObjectNode, ownersAbove, podsOf, totalsOf } from '../src/inspect/resolve.ts';
import { type RulesOfService, rulesOfServices, type ServiceRule } from '../src/inspect/service-rules.ts';
import type { CgroupUse, Container, Snapshot } from '../src/inspect/snapshot.ts';
import { containerJson, processJson } from './process-json.ts';

/** What `vitrine tree -o json` prints; docs/json.md is its description. Fields are added, never renamed or removed. */
export function treeJson(snapshot: Snapshot, roots: ObjectNode[]) {
  const rulesOf = rulesOfServices(snapshot);
  return {
    schema: 'vitrine/tree/v1',
    takenAt: new Date(snapshot.takenAtMs).toISOString(),
    host: snapshot.host.hostname,
    objects: roots.map((root) => ({
      ...nodeJson(snapshot, root, rulesOf),
      owners: ownersAbove(snapshot, root.object).map(({ kind, metadata: { namespace = null, name } }) => ({
        kind,
        namespace,
        name,
      })),
    })),
    totals: totalsOf(roots.flatMap(podsOf)),
  };
}

interface NodeJson {
  kind: string;
  namespace: string | null;
  name: string;
  uid: string;
  status: unknown;
  children: NodeJson[];
  containers?: unknown[];
  rules?: ServiceRule[] | null;
  rulesByNode?: { node: string; rules: ServiceRule[] | null }[];
}

function nodeJson(snapshot: Snapshot, { kind, object, pod, children }: ObjectNode, rulesOf: RulesOfService): NodeJson {
  const { namespace = null, name, uid } = object.metadata;
  return {
    kind,
    namespace,
    name,
    uid,
    status: (object as { status?: unknown }).status ?? null,
    children: children.map((child) => nodeJson(snapshot, child, rulesOf)),
    ...(kind === 'Service' && rulesJson(object as Service, snapshot.objects.nodes, rulesOf)),
    ...(pod && { containers: pod.containers.map((container) => fullContainer(snapshot, container)) }),
  };
}

function rulesJson(service: Service, nodes: Node[], rulesOf: RulesOfService) {
  return {
    rules: rulesOf(service) ?? null,
    rulesByNode: nodes.map((node) => ({ node: node.metadata.name, rules: rulesOf(service, node) ?? null })),
  };
}

function fullContainer(snapshot: Snapshot, container: Container) {
  const reading = container.cgroup ? snapshot.readCgroup(container.cgroup) : undefined;
  const namespaces = Object.entries(container.first?.namespaces ?? {}).map(([kind, inode]) => ({
    kind,
    inode,
    host: snapshot.namespaces.get(inode)?.host ?? false,
    containers: [...(snapshot.namespaces.get(inode)?.containers ?? [])].map(({ id }) => id),
  }));
  return {
    ...containerJson(container),
    cgroup: reading ? cgroupJson(snapshot, container, reading) : null,
    namespaces,
    processes: container.processes.map((process) => {
      const { container: _, ...json } = processJson(process, true);
      return json;
    }),
  };
}

function cgroupJson(snapshot: Snapshot, container: Container, reading: CgroupUse) {
  return {
    path: container.cgroup,
    cpuNanoseconds: reading.cpuNanoseconds,
    throttledNanoseconds: reading.throttledNanoseconds,
    memoryBytes: reading.memoryBytes,
    workingSetBytes: reading.workingSetBytes,
    memoryLimitBytes: reading.memoryLimitBytes ?? null,
    pids: reading.pids,
    pidsLimit: reading.pidsLimit ?? null,
    oomKills: reading.oomKills,
    cpuLimit: reading.cpuLimit ?? null,
    cpuShares: reading.cpuShares ?? null,
    pressure: pressureJson(snapshot, container),
  };
}

function pressureJson(snapshot: Snapshot, { cgroup }: Container) {
  const pressures = Object.entries(snapshot.readPressure(cgroup));
  return Object.fromEntries(pressures.map(([name, { some, full }]) => [name, { some, full: full ?? null }]));
}
