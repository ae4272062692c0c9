import type { KubeObject } from '../../api/object.ts';
import { describe, describeEvent, eventsOf, oneLine, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';

interface Refusal {
  code: string;
  pattern: RegExp;
  cause(match: RegExpExecArray): string;
  hints: string[];
}

/**
 * Why the API server did not let a controller make a Pod: the words of kube-apiserver's admission plugins; the first
 * that matches decides.
 */
const refusals: Refusal[] = [
  {
    code: 'WebhookDenied',
    pattern: /admission webhook "([^"]+)" denied the request:? ?(.*)/,
    cause: ([, name, why]) => `webhook "${name}" refuses it: ${why || 'without a reason'}`,
    hints: ['change the Pod template as the webhook asks, or change the webhook’s rules'],
  },
  {
    code: 'WebhookUnreachable',
    pattern: /failed calling webhook "([^"]+)":? ?(?:failed to call webhook: ?)?(.*)/,
    cause: ([, name, why]) => `webhook "${name}" cannot be called, and its failurePolicy is Fail: ${why}`,
    hints: ['is the webhook’s Service running? Else failurePolicy: Ignore, or delete its configuration'],
  },
  {
    code: 'PolicyDenied',
    pattern: /ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)' denied request: (.*)/,
    cause: ([, name, , why]) => `admission policy "${name}" refuses it: ${why}`,
    hints: ['change the Pod template as the policy asks'],
  },
  {
    code: 'QuotaExceeded',
    pattern: /exceeded quota: ([^,]+), requested: (.*), used: (.*), limited: (.*)/,
    cause: ([, quota, requested, used, limited]) =>
      `quota "${quota}" is used up: requested ${requested}, used ${used} of ${limited}`,
    hints: ['remove something, lower the requests, or raise the ResourceQuota'],
  },
  {
    code: 'QuotaNeedsRequests',
    pattern: /failed quota: ([^:]+): must specify (.*)/,
    cause: ([, quota, what]) => `quota "${quota}" wants every Pod to say ${what}`,
    hints: ['set resources.requests and limits, or give the namespace a LimitRange with defaults'],
  },
  {
    code: 'LimitRange',
    pattern: /((?:maximum|minimum) \S+ usage per \w+ is [^,]+, but .*|\S+ max limit to request ratio .*)/,
    cause: ([, what]) => `a LimitRange refuses it: ${what}`,
    hints: ['change the container’s resources, or the LimitRange'],
  },
  {
    code: 'PodSecurity',
    pattern: /violates PodSecurity "([^"]+)": (.*)/,
    cause: ([, level, why]) => `the namespace allows only Pods of level "${level}": ${why}`,
    hints: ['set the securityContext as said, or the label pod-security.kubernetes.io/enforce of the namespace'],
  },
  {
    code: 'ServiceAccountNotFound',
    pattern: /serviceaccount "([^"]+)" not found/,
    cause: ([, name]) => `service account "${name}" does not exist`,
    hints: ['create it, or correct spec.serviceAccountName'],
  },
  {
    code: 'PriorityClassNotFound',
    pattern: /no PriorityClass with name (\S+) was found/,
    cause: ([, name]) => `priority class "${name}" does not exist`,
    hints: ['create it, or correct spec.priorityClassName'],
  },
  {
    code: 'RuntimeClassNotFound',
    pattern: /RuntimeClass "?([^" ]+)"? not found/i,
    cause: ([, name]) => `runtime class "${name}" does not exist`,
    hints: ['create it, or correct spec.runtimeClassName'],
  },
  {
    code: 'Invalid',
    pattern: /Pod "[^"]*" is invalid: (.*)/,
    cause: ([, why]) => `the Pod that its template makes is invalid: ${why}`,
    hints: ['correct the template'],
  },
  {
    code: 'Forbidden',
    pattern: /forbidden: (.*)/,
    cause: ([, why]) => `the API server refuses its Pods: ${why}`,
    hints: [],
  },
];

/** Pods that a controller cannot make: quota, limits, policy, webhooks, missing accounts. */
export function diagnoseAdmission(workload: KubeObject, facts: WhyFacts): Finding[] {
  const event = eventsOf(facts, workload).find(({ reason }) => reason === 'FailedCreate');
  const { conditions = [] } = (workload as { status?: { conditions?: Condition[] } }).status ?? {};
  const condition = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  // An event outlives its trouble; a condition does not.
  const message = oneLine(condition?.message ?? (tracksFailure(workload) ? undefined : event?.message));
  if (!message) return [];
  const evidence = [
    ...(condition ? [`condition ReplicaFailure: ${condition.reason}: ${oneLine(condition.message)}`] : []),
    ...(event ? [describeEvent(event, facts.nowMs)] : []),
  ];
  return [{ severity: 'error', subject: describe(workload), evidence, ...classifyRefusal(message) }];
}

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

/** Their controllers set the condition ReplicaFailure. */
const tracksFailure = ({ kind }: KubeObject) => kind === 'ReplicaSet' || kind === 'Deployment';

export function classifyRefusal(message: string): Pick<Finding, 'code' | 'cause' | 'hints'> {
  for (const { code, pattern, cause, hints } of refusals) {
    const match = pattern.exec(message);
    if (match) return { code, cause: `no Pod can be made: ${cause(match)}`, hints };
  }
  return { code: 'PodNotCreated', cause: `no Pod can be made: ${message}`, hints: [] };
}
