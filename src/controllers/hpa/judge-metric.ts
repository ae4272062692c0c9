import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../api/generated/autoscaling-v2.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { quantityMilliValue, quantityOf } from '../../api/quantity.ts';
import type { MetricsClient } from './metrics-client.ts';
import { type PodTarget, type Present, replicasForPods, replicasForShare, replicasForValue } from './plan-metric.ts';

/** What one metric asks for. */
export interface Proposal {
  replicas: number;
  /** As events and conditions call it. */
  name: string;
  status: MetricStatus;
}

/** Reason of the condition and the event when the metric cannot be had. */
export class MetricError extends Error {
  readonly reason: string;

  constructor(reason: string, cause: unknown) {
    super((cause as Error).message, { cause });
    this.reason = reason;
  }
}

export interface Judged extends Present {
  hpa: HorizontalPodAutoscaler;
  /** status.replicas of the scale. */
  statusReplicas: number;
  /** The selector of the scale. */
  selector: string;
}

/** computeReplicasForMetric of kubernetes pkg/controller/podautoscaler/horizontal.go. */
export async function judgeMetric(client: MetricsClient, spec: MetricSpec, judged: Judged): Promise<Proposal> {
  const judge = judges[spec.type];
  if (!judge) throw new MetricError('InvalidMetricSourceType', new Error(`unknown metric source type "${spec.type}"`));
  try {
    return await judge(client, spec, judged);
  } catch (error) {
    throw new MetricError(`FailedGet${spec.type}Metric`, error);
  }
}

type Judge = (client: MetricsClient, spec: MetricSpec, judged: Judged) => Promise<Proposal>;

const judges: Record<string, Judge> = {
  Resource: (client, { resource }, judged) => judgeResource(client, resource!, judged),
  ContainerResource: (client, { containerResource }, judged) => judgeResource(client, containerResource!, judged),
  Pods: judgePods,
  Object: judgeObject,
  External: judgeExternal,
};

async function judgeResource(
  client: MetricsClient,
  source: { name: string; target: { averageUtilization?: number; averageValue?: string }; container?: string },
  judged: Judged,
): Promise<Proposal> {
  const { name: resource, container } = source;
  const { averageUtilization, averageValue } = source.target;
  const target: PodTarget = {
    resource,
    ...(container ? { container } : {}),
    ...(averageValue !== undefined
      ? { averageMilli: quantityMilliValue(averageValue) }
      : { utilization: averageUtilization! }),
  };
  const failing = (prefix: string) => (error: Error) => {
    throw new Error(`failed to get ${resource} utilization: ${prefix}${error.message}`, { cause: error });
  };
  const namespace = judged.hpa.metadata.namespace ?? '';
  const usage = await client
    .resource(namespace, judged.selector, resource, container)
    .catch(failing(`unable to get metrics for resource ${resource}: `));
  const measured = await Promise.resolve()
    .then(() => replicasForPods(judged, usage, target))
    .catch(failing(''));
  const current = {
    averageValue: milli(measured.averageMilli),
    ...(measured.utilization !== undefined ? { averageUtilization: measured.utilization } : {}),
  };
  const about = target.utilization !== undefined ? 'resource utilization (percentage of request)' : 'resource';
  return {
    replicas: measured.replicas,
    name: `${resource} ${container ? `container ${about}` : about}`,
    status: container
      ? { type: 'ContainerResource', containerResource: { name: resource, container, current } }
      : { type: 'Resource', resource: { name: resource, current } },
  };
}

async function judgePods(client: MetricsClient, { pods }: MetricSpec, judged: Judged): Promise<Proposal> {
  const { metric, target } = pods!;
  const usage = await client
    .ofPods(judged.hpa.metadata.namespace ?? '', judged.selector, metric)
    .catch(unable(`metric ${metric.name}`));
  const averageMilli = quantityMilliValue(target.averageValue ?? '0');
  const measured = replicasForPods(judged, usage, { resource: '', averageMilli });
  return {
    replicas: measured.replicas,
    name: `pods metric ${metric.name}`,
    status: { type: 'Pods', pods: { metric, current: { averageValue: milli(measured.averageMilli) } } },
  };
}

async function judgeObject(client: MetricsClient, { object }: MetricSpec, judged: Judged): Promise<Proposal> {
  const { metric, target, describedObject } = object!;
  const { namespace = '' } = judged.hpa.metadata;
  const { kind, name } = describedObject;
  const value = await client.ofObject(namespace, describedObject, metric).catch((error: Error) => {
    const where = `${kind} ${namespace}/${name}`;
    throw new Error(`unable to get metric ${metric.name}: ${where}/${error.message}`, { cause: error });
  });
  const judgedValue = judgeValue(judged, value, target);
  const average = target.type === 'AverageValue';
  return {
    replicas: judgedValue.replicas,
    name: average ? externalName(metric) : `${kind} metric ${metric.name}`,
    status: { type: 'Object', object: { describedObject, metric, current: judgedValue.current } },
  };
}

async function judgeExternal(client: MetricsClient, { external }: MetricSpec, judged: Judged): Promise<Proposal> {
  const { metric, target } = external!;
  const { namespace = '' } = judged.hpa.metadata;
  const value = await client
    .external(namespace, metric)
    .catch(unable(`external metric ${namespace}/${metric.name}/${goSelector(metric.selector)}`));
  const type = target.averageValue !== undefined ? 'AverageValue' : 'Value';
  const judgedValue = judgeValue(judged, value, { ...target, type });
  return {
    replicas: judgedValue.replicas,
    name: externalName(metric),
    status: { type: 'External', external: { metric, current: judgedValue.current } },
  };
}

function judgeValue(
  judged: Judged,
  value: number,
  target: { type: string; value?: string; averageValue?: string },
): { replicas: number; current: { value?: string; averageValue?: string } } {
  if (target.type === 'Value') {
    const replicas = replicasForValue(judged, value, quantityMilliValue(target.value ?? '0'));
    return { replicas, current: { value: milli(value) } };
  }
  const goal = quantityMilliValue(target.averageValue ?? '0');
  const share = replicasForShare(judged.statusReplicas, judged.tolerance, value, goal);
  return { replicas: share.replicas, current: { averageValue: milli(share.averageMilli) } };
}

const unable = (what: string) => (error: Error) => {
  throw new Error(`unable to get ${what}: ${error.message}`, { cause: error });
};

const milli = (value: number) => quantityOf(value, 'DecimalSI', 0.001);

const externalName = ({ name, selector }: { name: string; selector?: LabelSelector }) =>
  `external metric ${name}(${goSelector(selector)})`;

/** As Go prints a *LabelSelector with %+v. */
function goSelector(selector: LabelSelector | undefined): string {
  if (!selector) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const requirements = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  const matchLabels = labels.map(([key, value]) => `${key}: ${value},`).join('');
  return `&LabelSelector{MatchLabels:map[string]string{${matchLabels}},MatchExpressions:[]LabelSelectorRequirement{${requirements.join('')}},}`;
}
