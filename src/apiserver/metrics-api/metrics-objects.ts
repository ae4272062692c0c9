import type { Columns } from '../../api/columns/column.ts';
import { column } from '../../api/columns/column.ts';
import type { KubeObject, Metadata } from '../../api/object.ts';
import { addQuantities } from '../../api/quantity.ts';
import { formatTime } from '../../api/time.ts';
import { durationText, quantities, type Usage } from './usage.ts';

/** The kinds of metrics.k8s.io (k8s.io/metrics pkg/apis/metrics/v1beta1). */
export interface NodeMetrics extends KubeObject {
  timestamp: string;
  window: string;
  usage: Record<string, string>;
}

export interface PodMetrics extends KubeObject {
  timestamp: string;
  window: string;
  containers: { name: string; usage: Record<string, string> }[];
}

export const metricsGroup = 'metrics.k8s.io';
export const metricsVersion = 'v1beta1';
const apiVersion = `${metricsGroup}/${metricsVersion}`;

export function nodeMetrics(of: Metadata, usage: Usage, nowMs: number): NodeMetrics {
  return {
    kind: 'NodeMetrics',
    apiVersion,
    metadata: metadataOf(of, nowMs),
    ...spanOf(usage),
    usage: quantities(usage),
  };
}

/** The time of a Pod is that of its container that was read first (metrics-server pkg/storage/pod.go). */
export function podMetrics(of: Metadata, usages: ReadonlyMap<string, Usage>, nowMs: number): PodMetrics {
  const earliest = [...usages.values()].reduce((a, b) => (b.atMs < a.atMs ? b : a));
  return {
    ...{ kind: 'PodMetrics', apiVersion, metadata: metadataOf(of, nowMs), ...spanOf(earliest) },
    containers: [...usages].map(([name, usage]) => ({ name, usage: quantities(usage) })),
  };
}

function metadataOf({ name, namespace, labels }: Metadata, nowMs: number): Metadata {
  const creationTimestamp = formatTime(new Date(nowMs));
  return { name, ...(namespace && { namespace }), creationTimestamp, ...(labels && { labels }) } as Metadata;
}

function spanOf({ atMs, windowMs }: Usage): { timestamp: string; window: string } {
  return { timestamp: formatTime(new Date(atMs)), window: durationText(windowMs) };
}

const definitions = [
  column('Name', 'Name of the resource', { format: 'name' }),
  column('cpu', ''),
  column('memory', ''),
  column('Window', ''),
];

/** metrics-server pkg/api/table.go */
export const nodeColumns: Columns = {
  definitions,
  cells: (object) => {
    const { metadata, usage, window } = object as NodeMetrics;
    return [metadata.name, usage.cpu, usage.memory, window];
  },
};

export const podColumns: Columns = {
  definitions,
  cells: (object) => {
    const { metadata, containers, window } = object as PodMetrics;
    const total = (resource: string) =>
      containers.map(({ usage }) => usage[resource] ?? '0').reduce((a, b) => addQuantities(a, b), '0');
    return [metadata.name, total('cpu'), total('memory'), window];
  },
};
