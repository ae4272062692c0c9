import type { Node } from '../generated/core-v1.ts';
import { age, ageOf, type ColumnsEntry, column, entry, name, wide } from './column.ts';

export const nodeColumns: ColumnsEntry[] = [
  entry<Node>('core/v1.Node', {
    definitions: [
      name,
      column('Status', 'Whether the node is ready and takes Pods.'),
      column('Roles', 'Roles of the node.'),
      age,
      column('Version', 'Version of the kubelet.'),
      wide('Internal-IP', 'Address of the node within the cluster.'),
      wide('External-IP', 'Address of the node outside the cluster.'),
      wide('OS-Image', 'Operating system of the node.'),
      wide('Kernel-Version', 'Version of the kernel.'),
      wide('Container-Runtime', 'Container runtime and its version.'),
    ],
    cells: (node, now) => [
      node.metadata.name,
      nodeStatus(node),
      roles(node) || '<none>',
      ageOf(node, now),
      node.status?.nodeInfo?.kubeletVersion ?? '',
      address(node, 'InternalIP'),
      address(node, 'ExternalIP'),
      node.status?.nodeInfo?.osImage || '<unknown>',
      node.status?.nodeInfo?.kernelVersion || '<unknown>',
      node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
    ],
  }),
];

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.findLast(({ type }) => type === 'Ready');
  const text = !ready ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec?.unschedulable ? `${text},SchedulingDisabled` : text;
}

const rolePrefix = 'node-role.kubernetes.io/';

function roles({ metadata }: Node): string {
  const found = new Set<string>();
  for (const [label, value] of Object.entries(metadata.labels ?? {})) {
    if (label.startsWith(rolePrefix) && label.length > rolePrefix.length) found.add(label.slice(rolePrefix.length));
    else if (label === 'kubernetes.io/role' && value) found.add(value);
  }
  return [...found].sort().join(',');
}

function address({ status }: Node, type: string): string {
  return status?.addresses?.find((found) => found.type === type)?.address ?? '<none>';
}
