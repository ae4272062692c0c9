import type {
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
} from '../../api/generated/batch-v1.ts';
import type { ContainerStatus, Pod } from '../../api/generated/core-v1.ts';

/** What spec.podFailurePolicy says about a failed Pod (KEP-3329, pkg/controller/job/pod_failure_policy.go). Pure. */
export interface PolicyMatch {
  action: PodFailurePolicyRule['action'] | undefined;
  /** Why the Job fails; only with the action FailJob. */
  message?: string;
}

export function matchFailurePolicy(policy: PodFailurePolicy | undefined, pod: Pod): PolicyMatch {
  for (const [i, rule] of (policy?.rules ?? []).entries()) {
    const why = matchRule(rule, pod);
    if (!why) continue;
    const message = `${why} matching ${rule.action} rule at index ${i}`;
    return rule.action === 'FailJob' ? { action: rule.action, message } : { action: rule.action };
  }
  return { action: undefined };
}

/** Ignored failures count for nothing. */
export function countsAsFailure(policy: PodFailurePolicy | undefined, pod: Pod): boolean {
  return matchFailurePolicy(policy, pod).action !== 'Ignore';
}

function matchRule(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  if (rule.onExitCodes) {
    const container = failedContainer(rule.onExitCodes, pod);
    const code = container?.state?.terminated?.exitCode;
    return container && `Container ${container.name} for pod ${name} failed with exit code ${code}`;
  }
  const condition = (pod.status?.conditions ?? []).find((one) =>
    (rule.onPodConditions ?? []).some(({ type, status = 'True' }) => one.type === type && one.status === status),
  );
  return condition && `Pod ${name} has condition ${condition.type}`;
}

function failedContainer(requirement: PodFailurePolicyOnExitCodesRequirement, pod: Pod): ContainerStatus | undefined {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return statuses.find(({ name, state }) => {
    const code = state?.terminated?.exitCode;
    if (!code || (requirement.containerName && requirement.containerName !== name)) return false;
    return requirement.values.includes(code) === (requirement.operator === 'In');
  });
}
