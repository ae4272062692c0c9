import type { CrossVersionObjectReference } from '../../api/generated/autoscaling-v2.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { quantityMilliValue } from '../../api/quantity.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import { formatLabelSelector, selectorRequirements } from '../../api/selectors.ts';
import { goDurationMs } from '../../base/go-duration.ts';
import type { Client } from '../../client/client.ts';
import type { Sample, Usage } from './plan-metric.ts';

/** What the three APIs of metrics say (kubernetes pkg/controller/podautoscaler/metrics/client.go, k8s.io/metrics). */
export interface MetricsClient {
  /** metrics.k8s.io: what the selected Pods use, or one of their containers. */
  resource(namespace: string, selector: string, resource: string, container?: string): Promise<Usage>;
  /** custom.metrics.k8s.io: a value of each selected Pod. */
  ofPods(namespace: string, selector: string, metric: Metric): Promise<Usage>;
  /** custom.metrics.k8s.io: a value of one object, in thousandths. */
  ofObject(namespace: string, object: CrossVersionObjectReference, metric: Metric): Promise<number>;
  /** external.metrics.k8s.io: the sum of what has the labels, in thousandths. */
  external(namespace: string, metric: Metric): Promise<number>;
}

export interface Metric {
  name: string;
  selector?: LabelSelector;
}

/** How the client finds the resource of a kind. */
export type ResourceOfKind = (apiVersion: string, kind: string) => Promise<ResourceInfo>;

interface PodMetrics {
  metadata: { name: string };
  timestamp?: string;
  window?: string;
  containers?: { name: string; usage: Record<string, string> }[];
}

interface MetricValue {
  describedObject: { name: string };
  timestamp?: string;
  windowSeconds?: number;
  value: string;
}

/** Versions of custom.metrics.k8s.io, the best first. */
const customVersions = ['v1beta2', 'v1beta1'];
/** Of a sample that does not say it (metricServerDefaultMetricWindow). */
const defaultWindowMs = 60_000;

export function metricsClient(client: Client, resourceOfKind: ResourceOfKind): MetricsClient {
  return {
    async resource(namespace, selector, resource, container) {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;
      const items = await read<PodMetrics>(path, { labelSelector: selector }, 'resource');
      const usage = new Map<string, Sample>();
      for (const { metadata, timestamp, window, containers = [] } of items) {
        const counted = containers.filter((one) => (!container || one.name === container) && one.usage[resource]);
        if (counted.length === 0) continue;
        const milli = counted.reduce((total, one) => total + quantityMilliValue(one.usage[resource] ?? '0'), 0);
        usage.set(metadata.name, sampleOf(milli, timestamp, window === undefined ? undefined : goDurationMs(window)));
      }
      return usage;
    },
    async ofPods(namespace, selector, metric) {
      const path = `${await customApi()}/namespaces/${namespace}/pods/*/${encodeURIComponent(metric.name)}`;
      const items = await read<MetricValue>(
        path,
        { labelSelector: selector, metricLabelSelector: selectorText(metric) },
        'custom',
      );
      return new Map(
        items.map(({ describedObject, timestamp, windowSeconds, value }) => [
          describedObject.name,
          sampleOf(
            quantityMilliValue(value),
            timestamp,
            windowSeconds === undefined ? undefined : windowSeconds * 1000,
          ),
        ]),
      );
    },
    async ofObject(namespace, { apiVersion = '', kind, name }, metric) {
      const resource = await resourceOfKind(apiVersion, kind);
      const path = `${await customApi()}${objectPath(resource, namespace, name)}/${encodeURIComponent(metric.name)}`;
      const items = await read<MetricValue>(path, { metricLabelSelector: selectorText(metric) }, 'custom');
      if (items.length !== 1)
        throw new Error(
          `unable to fetch metrics from custom metrics API: the custom metrics API server returned ${items.length} results when we asked for exactly one`,
        );
      return quantityMilliValue(items[0]!.value);
    },
    async external(namespace, metric) {
      const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${encodeURIComponent(metric.name)}`;
      const items = await read<MetricValue>(path, { labelSelector: selectorText(metric) }, 'external');
      return items.reduce((total, { value }) => total + quantityMilliValue(value), 0);
    },
  };

  async function read<T>(path: string, query: Record<string, string>, api: string): Promise<T[]> {
    const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
    const response = await client.request({ method: 'GET', path: parameters ? `${path}?${parameters}` : path });
    if (response.status >= 400)
      throw new Error(`unable to fetch metrics from ${api} metrics API: ${await messageOf(response)}`);
    const { items = [] } = (await response.json()) as { items?: T[] };
    if (items.length === 0) throw new Error(`no metrics returned from ${api} metrics API`);
    return items;
  }

  async function customApi(): Promise<string> {
    const path = '/apis/custom.metrics.k8s.io';
    const response = await client.request({ method: 'GET', path });
    if (response.status >= 400)
      throw new Error(
        'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
      );
    const { versions = [] } = (await response.json()) as { versions?: { version: string }[] };
    const version = customVersions.find((one) => versions.some((served) => served.version === one));
    if (!version)
      throw new Error('unable to fetch metrics from custom metrics API: no known available metric versions found');
    return `${path}/${version}`;
  }
}

function sampleOf(milli: number, timestamp: string | undefined, windowMs = defaultWindowMs): Sample {
  return { milli, atMs: timestamp ? Date.parse(timestamp) : 0, windowMs };
}

const selectorText = ({ selector }: Metric) => (selector ? formatLabelSelector(selectorRequirements(selector)) : '');

/** Metrics of a namespace have a path of their own. */
function objectPath({ group, resource, namespaced }: ResourceInfo, namespace: string, name: string): string {
  if (group === '' && resource === 'namespaces') return `/namespaces/${name}/metrics`;
  const qualified = group ? `${resource}.${group}` : resource;
  return `${namespaced ? `/namespaces/${namespace}` : ''}/${qualified}/${name}`;
}

export async function messageOf(response: { status: number; text(): Promise<string> }): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text.trim() || `the server answered ${response.status}`;
  }
}
