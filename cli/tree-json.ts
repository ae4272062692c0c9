import { type ObjectNode, podsOf, totalsOf } from '../src/inspect/resolve.ts';
import type { Container, Snapshot } from '../src/inspect/snapshot.ts';
import { containerJson, processJson } from './process-json.ts';

/** What `vitrine tree -o json` prints; docs/json.md is its description. Fields are added, never renamed or removed. */
export function treeJson(snapshot: Snapshot, roots: ObjectNode[]) {
  return {
    schema: 'vitrine/tree/v1',
    takenAt: new Date(snapshot.takenAtMs).toISOString(),
    host: snapshot.host.hostname,
    objects: roots.map((root) => nodeJson(snapshot, root)),
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
}

function nodeJson(snapshot: Snapshot, { kind, object, pod, children }: ObjectNode): NodeJson {
  const { namespace = null, name, uid } = object.metadata;
  return {
    kind,
    namespace,
    name,
    uid,
    status: (object as { status?: unknown }).status ?? null,
    children: children.map((child) => nodeJson(snapshot, child)),
    ...(pod && { containers: pod.containers.map((container) => fullContainer(snapshot, container)) }),
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
    cgroup: container.cgroup ? { path: container.cgroup, ...nullsForUndefined(reading) } : null,
    namespaces,
    processes: container.processes.map((process) => {
      const { container: _, ...json } = processJson(process, true);
      return json;
    }),
  };
}

/** A limit that is not set is null: absent fields would leave readers guessing. */
function nullsForUndefined(values: object = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value ?? null]));
}
