import type { Columns } from '../../api/columns/column.ts';
import type { KubeObject } from '../../api/object.ts';
import { nodes, pods } from '../../api/resource.ts';
import {
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  type Selector,
} from '../../api/selectors.ts';
import { badRequest, methodNotSupported, notFound } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { DiscoverableResource } from '../discovery/served-groups.ts';
import type { ServerRequest } from '../http/exchange.ts';
import { negotiate } from '../http/media-type.ts';
import type { DescribedResource } from '../openapi/documents.ts';
import { renderItems, renderObject } from '../render.ts';
import type { ApiResponse, ObjectReader } from '../request.ts';
import type { PathHandler } from '../router.ts';
import { metricsGroup, metricsVersion, nodeColumns, nodeMetrics, podColumns, podMetrics } from './metrics-objects.ts';
import type { ResourceMetrics } from './resource-metrics.ts';
import { podUsage, usageOf } from './usage.ts';

const usage = { type: 'object', additionalProperties: { 'x-kubernetes-int-or-string': true } };
const span = { timestamp: { type: 'string', format: 'date-time' }, window: { type: 'string' } };
const container = { type: 'object', properties: { name: { type: 'string' }, usage }, required: ['name', 'usage'] };

const info = (resource: string, kind: string, namespaced: boolean, own: object) => ({
  ...{ group: metricsGroup, version: metricsVersion, resource, kind, type: '', namespaced },
  ...{ verbs: ['get', 'list'], subresources: {}, names: { singular: '' } },
  schema: { type: 'object', properties: { ...span, ...own } },
});

/** What is served, as discovery and OpenAPI show it. */
export const metricsResources: (DiscoverableResource & DescribedResource)[] = [
  info('nodes', 'NodeMetrics', false, { usage }),
  info('pods', 'PodMetrics', true, { containers: { type: 'array', items: container } }),
];

export interface MetricsPathsOptions {
  metrics: ResourceMetrics;
  reader: ObjectReader;
  clock: Clock;
}

/** metrics.k8s.io/v1beta1, for `kubectl top` and the HorizontalPodAutoscaler (metrics-server pkg/api). */
export function metricsPaths(options: MetricsPathsOptions): PathHandler {
  return async (request) => {
    const { group, version, resource, subresource, verb } = request.info;
    if (group !== metricsGroup || version !== metricsVersion || subresource) return undefined;
    const served = metricsResources.find((one) => one.resource === resource);
    if (!served) return undefined;
    if (verb !== 'get' && verb !== 'list') throw methodNotSupported(served, verb);
    return answer(options, request, served);
  };
}

async function answer(
  options: MetricsPathsOptions,
  request: ServerRequest,
  { resource, kind, namespaced }: DiscoverableResource,
): Promise<ApiResponse> {
  const { info } = request;
  const accepted = negotiate(request.headers.accept, { protobuf: false });
  const columns: Columns = namespaced ? podColumns : nodeColumns;
  const call = { accepted, request, resource: { strategy: { columns } } };
  const matches = info.verb === 'list' ? selectorOf(request.query) : undefined;
  const items = namespaced ? await ofPods(options, info, matches) : await ofNodes(options, info, matches);
  if (info.verb === 'list') {
    const head = { kind: `${kind}List`, apiVersion: `${metricsGroup}/${metricsVersion}`, metadata: {} };
    return renderItems(call, head as typeof head & { metadata: { resourceVersion: string } }, items);
  }
  const [found] = items;
  // The names under which metrics-server misses something.
  const named = { group: metricsGroup, resource: resource === 'pods' ? 'podmetrics' : 'nodemetrics' };
  if (!found) throw notFound(named, namespaced ? `${info.namespace}/${info.name}` : info.name);
  return renderObject(call, found);
}

type Matches = ((object: KubeObject) => boolean) | undefined;

interface Asked {
  namespace: string;
  name: string;
}

async function ofNodes({ metrics, reader, clock }: MetricsPathsOptions, { name }: Asked, matches: Matches) {
  const scrapes = await metrics.scrapes();
  return reader.list(nodes).flatMap((node) => {
    if (matches ? !matches(node) : node.metadata.name !== name) return [];
    const { before, last } = scrapes.get(node.metadata.name) ?? {};
    const used = last?.node && usageOf(before?.node, last.node);
    return used ? [nodeMetrics(node.metadata, used, clock.now())] : [];
  });
}

async function ofPods({ metrics, reader, clock }: MetricsPathsOptions, asked: Asked, matches: Matches) {
  const scrapes = await metrics.scrapes();
  return reader.list(pods, asked.namespace || undefined).flatMap((pod) => {
    const { namespace, name } = pod.metadata;
    if (pod.status?.phase !== 'Running' || (matches ? !matches(pod) : name !== asked.name)) return [];
    const { before, last } = scrapes.get(pod.spec.nodeName ?? '') ?? {};
    const used = last && podUsage(before, last, `${namespace}/${name}`);
    return used ? [podMetrics(pod.metadata, used, clock.now())] : [];
  });
}

function selectorOf(query: URLSearchParams): (object: KubeObject) => boolean {
  const labels = parsed(query.get('labelSelector'), parseLabelSelector);
  const fields = parsed(query.get('fieldSelector'), parseFieldSelector);
  for (const { key } of fields)
    if (!Object.hasOwn(fieldReaders, key)) throw badRequest(`field label not supported: ${key}`);
  return (object) =>
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(fields, (name) => fieldReaders[name]?.(object) ?? '');
}

const fieldReaders: Record<string, (object: KubeObject) => string | undefined> = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace,
};

function parsed(text: string | null, parse: (text: string) => Selector): Selector {
  try {
    return text ? parse(text) : [];
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}
