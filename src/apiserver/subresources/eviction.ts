import type { Pod, PodCondition, PodStatus } from '../../api/generated/core-v1.ts';
import type { DeleteOptions } from '../../api/generated/meta-v1.ts';
import type { Eviction, PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import type { StatusObject } from '../../api/object.ts';
import { podDisruptionBudgets } from '../../api/resource.ts';
import { compileSelector } from '../../api/selectors.ts';
import { internalError, StatusError } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import type { Call } from '../backend.ts';
import { checkKind, readBodyValue } from '../body.ts';
import { renderObject } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { checkPreconditions, deleteObject } from '../verbs/delete.ts';
import { existing } from '../verbs/get.ts';
import { updateObject } from '../verbs/update-object.ts';
import { statusRules } from '../verbs/update-rules.ts';
import { writeOf } from '../verbs/write.ts';
import { admitPart } from './admit-part.ts';

/** POST pods/NAME/eviction: a delete that respects disruption budgets (pkg/registry/core/pod/storage/eviction.go). */
export async function eviction(call: Call): Promise<ApiResponse> {
  const { value } = await readBodyValue(call.request);
  const body = checkKind(value, { apiVersion: 'policy/v1', kind: 'Eviction' }) as Eviction;
  const write = writeOf(call, 'CreateOptions');
  const dry = write.dryRun || Boolean(body.deleteOptions?.dryRun?.length);
  const pod = existing(call).object as Pod;
  await admitPart(call, 'CREATE', 'eviction', body, { dryRun: dry });
  const options: DeleteOptions = { ...body.deleteOptions };
  if (write.dryRun) options.dryRun = ['All'];
  const dryRun = Boolean(options.dryRun?.length);
  if (!mayGo(pod)) await useBudget(call, pod, dryRun);
  if (!dryRun) await markDisrupted(call, options);
  await deleteObject(call, options);
  const status: StatusObject = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  return renderObject({ ...call, accepted: { ...call.accepted, as: undefined } }, status, 201);
}

/** Pods that do not run, or no longer, disrupt nobody. */
function mayGo(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || Boolean(pod.metadata.deletionTimestamp);
}

/** The Pod tells why it goes, for those whose failures do not count then (KEP-3329). */
async function markDisrupted(call: Call, options: DeleteOptions): Promise<void> {
  const now = formatTime(new Date(call.backend.clock.now()));
  const change = (current: object): Pod => {
    const { metadata, status = {}, ...pod } = current as Pod;
    checkPreconditions(call, current as Pod, options);
    return { ...pod, metadata: { ...metadata }, status: { ...status, conditions: disruptedConditions(status, now) } };
  };
  const entry = await updateObject(call, statusRules(call.resource.strategy), change, writeOf(call, 'UpdateOptions'));
  // Who wants to delete this version wants to delete what has become of it here.
  if (options.preconditions?.resourceVersion)
    options.preconditions = { ...options.preconditions, resourceVersion: entry.object.metadata.resourceVersion };
}

function disruptedConditions({ conditions = [] }: PodStatus, now: string): PodCondition[] {
  const old = conditions.find(({ type }) => type === 'DisruptionTarget');
  const condition: PodCondition = {
    ...old,
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: old?.status === 'True' ? (old.lastTransitionTime ?? now) : now,
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  return [...conditions.filter((other) => other !== old), condition];
}

async function useBudget(call: Call, pod: Pod, dryRun: boolean): Promise<void> {
  const [budget, ...more] = budgetsOf(call, pod);
  if (!budget) return;
  if (more.length > 0) {
    throw internalError(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  if (isUnready(pod) && mayEvictUnready(budget)) return;
  if (dryRun) {
    checkBudget(budget);
    return;
  }
  const resource = call.backend.served(podDisruptionBudgets)!;
  const info = { ...call.request.info, name: budget.metadata.name };
  const onBudget: Call = { ...call, resource, request: { ...call.request, info } };
  const now = formatTime(new Date(call.backend.clock.now()));
  const change = (current: object) => disrupted(current as PodDisruptionBudget, pod, now);
  await updateObject(onBudget, statusRules(resource.strategy), change, writeOf(call, 'UpdateOptions'));
}

function budgetsOf(call: Call, pod: Pod): PodDisruptionBudget[] {
  const { backend } = call;
  const { prefix } = backend.served(podDisruptionBudgets)!;
  const entries = backend.cache.resource(prefix).list(`${prefix}${pod.metadata.namespace}/`);
  return entries
    .map((entry) => entry.object as PodDisruptionBudget)
    .filter((budget) => compileSelector(budget.spec?.selector)(pod.metadata.labels));
}

function disrupted(budget: PodDisruptionBudget, pod: Pod, now: string): PodDisruptionBudget {
  checkBudget(budget);
  const status = budget.status!;
  return {
    ...budget,
    metadata: { ...budget.metadata },
    status: {
      ...status,
      disruptionsAllowed: (status.disruptionsAllowed ?? 0) - 1,
      disruptedPods: { ...status.disruptedPods, [pod.metadata.name]: now },
    },
  };
}

function checkBudget({ metadata, status }: PodDisruptionBudget): void {
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    throw tooMany(`The disruption budget ${metadata.name} is still being processed by the server.`, 10);
  }
  if ((status?.disruptionsAllowed ?? 0) > 0) return;
  throw tooMany(
    `The disruption budget ${metadata.name} needs ${status?.desiredHealthy ?? 0} healthy pods and has ${status?.currentHealthy ?? 0} currently`,
  );
}

function tooMany(cause: string, retryAfterSeconds?: number): StatusError {
  return new StatusError({
    code: 429,
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [{ reason: 'DisruptionBudget', message: cause }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  });
}

const isUnready = (pod: Pod) =>
  !pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');

/** KEP-3017: Pods that are not ready may go anyway, or if the rest is healthy enough. */
function mayEvictUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}
