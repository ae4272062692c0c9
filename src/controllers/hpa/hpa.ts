import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
  HPAScalingRules,
} from '../../api/generated/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { quantityMilliValue } from '../../api/quantity.ts';
import { builtin, builtinResources, pods, type ResourceInfo } from '../../api/resource.ts';
import { matchesLabels, parseLabelSelector } from '../../api/selectors.ts';
import { formatTime } from '../../api/time.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { pathOf } from '../../client/rest.ts';
import { discoverResources } from '../discover-resources.ts';
import { sameStatus } from '../same-status.ts';
import { type Judged, judgeMetric, MetricError, type Proposal } from './judge-metric.ts';
import { messageOf, metricsClient } from './metrics-client.ts';
import { defaultTolerance, type Tolerance } from './plan-metric.ts';
import { type History, type Limited, limitScale } from './plan-scale.ts';

const autoscalers = builtin<HorizontalPodAutoscaler>('autoscaling', 'v2', 'horizontalpodautoscalers');
/** --horizontal-pod-autoscaler-sync-period */
const syncPeriodMs = 15_000;
/** The longest window of spec.behavior. */
const historyMs = 3_600_000;

interface Scale {
  metadata: { resourceVersion?: string };
  spec?: { replicas?: number };
  status?: { replicas?: number; selector?: string };
}

interface Choice {
  replicas: number;
  name: string;
}

/** Scales workloads by what is measured of them (kubernetes pkg/controller/podautoscaler/horizontal.go). */
export function horizontalPodAutoscalerController({ client, informers, events, clock }: ControllerContext): Controller {
  const all = informers.informer(autoscalers);
  const allPods = informers.informer(pods);
  const metrics = metricsClient(client, resourceOfKind);
  /** What was recommended and done in the last hour, by key. */
  const histories = new Map<string, History>();

  return {
    name: 'horizontal-pod-autoscaler',
    for: autoscalers,
    watches: [{ resource: pods, keys: () => [] }],
    // Its own status writes are no reason to measure again.
    minIntervalMs: syncPeriodMs,
    reconcile: async (key) => {
      const hpa = all.get(key);
      if (!hpa) {
        histories.delete(key);
        return;
      }
      const conditions = new Map((hpa.status?.conditions ?? []).map((one) => [one.type, one]));
      const set = (type: string, status: 'True' | 'False', reason: string, message: string) => {
        const same = conditions.get(type)?.status === status;
        const lastTransitionTime = same ? conditions.get(type)?.lastTransitionTime : formatTime(new Date(clock.now()));
        conditions.set(type, { type, status, reason, message, lastTransitionTime });
      };
      const status: HorizontalPodAutoscalerStatus = {
        ...hpa.status,
        observedGeneration: hpa.metadata.generation,
        desiredReplicas: hpa.status?.desiredReplicas ?? 0,
      };
      await scale(hpa, status, set);
      status.conditions = [...conditions.values()];
      if (!sameStatus(hpa.status, status))
        await client.update(autoscalers, { ...hpa, status }, { subresource: 'status' });
      return { requeueAfterMs: syncPeriodMs };
    },
  };

  async function scale(
    hpa: HorizontalPodAutoscaler,
    status: HorizontalPodAutoscalerStatus,
    set: (type: string, status: 'True' | 'False', reason: string, message: string) => void,
  ): Promise<void> {
    const found = await readScale(hpa).catch((error: Error) => error);
    if (found instanceof Error) {
      events.event(hpa, 'Warning', 'FailedGetScale', found.message);
      set(
        'AbleToScale',
        'False',
        'FailedGetScale',
        `the HPA controller was unable to get the target's current scale: ${found.message}`,
      );
      return;
    }
    set('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
    const current = found.scale.spec?.replicas ?? 0;
    status.currentReplicas = found.scale.status?.replicas ?? current;
    if (current === 0 && hpa.spec.minReplicas !== 0) {
      status.desiredReplicas = 0;
      set(
        'ScalingActive',
        'False',
        'ScalingDisabled',
        'scaling is disabled since the replica count of the target is zero',
      );
      return;
    }
    const decision = await decide(hpa, found.scale, current, status, set);
    if (!decision) return;
    status.desiredReplicas = decision.replicas;
    if (decision.replicas === current) return;
    await writeScale(found.path, found.scale, decision.replicas);
    events.event(hpa, 'Normal', 'SuccessfulRescale', `New size: ${decision.replicas}; reason: ${decision.why}`);
    set(
      'AbleToScale',
      'True',
      'SucceededRescale',
      `the HPA controller was able to update the target scale to ${decision.replicas}`,
    );
    status.lastScaleTime = formatTime(new Date(clock.now()));
    historyOf(hpa).events.push({ atMs: clock.now(), change: decision.replicas - current });
  }

  async function decide(
    hpa: HorizontalPodAutoscaler,
    target: Scale,
    current: number,
    status: HorizontalPodAutoscalerStatus,
    set: (type: string, status: 'True' | 'False', reason: string, message: string) => void,
  ): Promise<{ replicas: number; why: string } | undefined> {
    const { minReplicas = 1, maxReplicas } = hpa.spec;
    if (current > maxReplicas)
      return { replicas: maxReplicas, why: 'Current number of replicas above Spec.MaxReplicas' };
    if (current < minReplicas)
      return { replicas: minReplicas, why: 'Current number of replicas below Spec.MinReplicas' };
    const proposal = await choose(hpa, target, current, status).catch((error: Error) => error);
    if (proposal instanceof Error) {
      const { message } = proposal;
      const reason = proposal instanceof MetricError ? proposal.reason : 'FailedGetResourceMetric';
      const isSelector = reason === 'InvalidSelector';
      const text = isSelector ? message : `the HPA was unable to compute the replica count: ${message}`;
      set('ScalingActive', 'False', reason, text);
      return undefined;
    }
    set(
      'ScalingActive',
      'True',
      'ValidMetricFound',
      `the HPA was able to successfully calculate a replica count from ${proposal.name}`,
    );
    const history = historyOf(hpa);
    const limited = limitScale(hpa.spec, current, proposal.replicas, history, clock.now());
    history.recommendations.push({ atMs: clock.now(), replicas: proposal.replicas });
    if (limited.stabilized)
      set(
        'AbleToScale',
        'True',
        limited.stabilized === 'down' ? 'ScaleDownStabilized' : 'ScaleUpStabilized',
        stabilizedMessage[limited.stabilized],
      );
    else set('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size');
    if (limited.limit) set('ScalingLimited', 'True', limited.limit, limitMessage[limited.limit]);
    else set('ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range');
    return {
      replicas: limited.replicas,
      why: limited.replicas > current ? `${proposal.name} above target` : 'All metrics below target',
    };
  }

  function historyOf(hpa: HorizontalPodAutoscaler) {
    const history = histories.get(keyOf(hpa)) ?? { recommendations: [], events: [] };
    const recent = <T extends { atMs: number }>(list: T[]) => list.filter((one) => one.atMs > clock.now() - historyMs);
    const kept = { recommendations: recent(history.recommendations), events: recent(history.events) };
    histories.set(keyOf(hpa), kept);
    return kept;
  }

  /**
   * The largest number that some metric asks for. As long as one cannot be had nothing shrinks: it may be the one that
   * asks for more.
   */
  async function choose(
    hpa: HorizontalPodAutoscaler,
    target: Scale,
    current: number,
    status: HorizontalPodAutoscalerStatus,
  ): Promise<Choice> {
    const selector = target.status?.selector ?? '';
    if (selector === '') {
      events.event(hpa, 'Warning', 'SelectorRequired', 'selector is required');
      events.event(hpa, 'Warning', 'FailedComputeMetricsReplicas', 'selector is required');
      throw new MetricError('InvalidSelector', new Error("the HPA target's scale is missing a selector"));
    }
    const requirements = parseLabelSelector(selector);
    const judged: Judged = {
      ...{ hpa, current, selector, statusReplicas: target.status?.replicas ?? 0, nowMs: clock.now() },
      pods: allPods.list(hpa.metadata.namespace).filter((pod: Pod) => matchesLabels(requirements, pod.metadata.labels)),
      tolerance: toleranceOf(hpa),
    };
    const specs = hpa.spec.metrics ?? [];
    const results = await Promise.allSettled(specs.map((spec) => judgeMetric(metrics, spec, judged)));
    const proposals = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    for (const failure of failures)
      if (failure instanceof MetricError) events.event(hpa, 'Warning', failure.reason, failure.message);
    status.currentMetrics = proposals.map((proposal) => proposal.status);
    const best = proposals.reduce<Proposal | undefined>(
      (most, one) => (!most || one.replicas > most.replicas ? one : most),
      undefined,
    );
    const [first] = failures;
    if (best && (!first || best.replicas >= current)) return best;
    const text = `invalid metrics (${failures.length} invalid out of ${specs.length}), first error is: ${first?.message}`;
    events.event(hpa, 'Warning', 'FailedComputeMetricsReplicas', text);
    throw first ?? new Error('no metrics are given');
  }

  async function resourceOfKind(apiVersion: string, kind: string): Promise<ResourceInfo> {
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
    const matches = (info: ResourceInfo) => info.group === group && info.kind === kind;
    const resource = builtinResources.find(matches) ?? (await discoverResources(client)).resources.find(matches);
    if (!resource) throw new Error(`no matches for kind "${kind}" in group "${group}"`);
    return resource;
  }

  async function readScale(hpa: HorizontalPodAutoscaler): Promise<{ scale: Scale; path: string }> {
    const { apiVersion = '', kind, name } = hpa.spec.scaleTargetRef;
    const resource = await resourceOfKind(apiVersion, kind);
    const path = pathOf(resource, hpa.metadata.namespace, name, 'scale');
    const response = await client.request({ method: 'GET', path });
    if (response.status >= 400) throw new Error(await messageOf(response));
    return { scale: (await response.json()) as Scale, path };
  }

  async function writeScale(path: string, current: Scale, replicas: number): Promise<void> {
    const response = await client.request({
      method: 'PUT',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...current, spec: { ...current.spec, replicas } }),
    });
    if (response.status >= 400) throw new Error(`scale ${path}: ${await messageOf(response)}`);
  }
}

const stabilizedMessage = {
  up: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
  down: 'recent recommendations were higher than current one, applying the highest recent recommendation',
};
const limitMessage: Record<NonNullable<Limited['limit']>, string> = {
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
};

/** spec.behavior may set another tolerance for each direction (KEP-4951). */
function toleranceOf({ spec }: HorizontalPodAutoscaler): Tolerance {
  const of = (rules: HPAScalingRules | undefined, otherwise: number) =>
    rules?.tolerance === undefined ? otherwise : quantityMilliValue(rules.tolerance) / 1000;
  return {
    up: of(spec.behavior?.scaleUp, defaultTolerance.up),
    down: of(spec.behavior?.scaleDown, defaultTolerance.down),
  };
}
