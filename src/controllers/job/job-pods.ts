import type { Job } from '../../api/generated/batch-v1.ts';
import type { Pod, PodTemplateSpec } from '../../api/generated/core-v1.ts';

/** What the Job controller reads from a Pod and writes into one (pkg/controller/job/{job_controller,indexed_job_utils}.go). Pure. */

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
export const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
const ignoredCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';

export const isIndexed = (job: Job) => job.spec.completionMode === 'Indexed';
export const perIndex = (job: Job) => job.spec.backoffLimitPerIndex !== undefined;

/** Whether Pods on their way out are waited for before they are replaced or counted as failed (KEP-3939). */
export const onlyReplacesFailed = (job: Job) =>
  job.spec.podReplacementPolicy === 'Failed' || job.spec.podFailurePolicy !== undefined;

export function hasFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return !onlyReplacesFailed(job) && !!pod.metadata.deletionTimestamp && pod.status?.phase !== 'Succeeded';
}

export const hasSucceeded = (pod: Pod) => pod.status?.phase === 'Succeeded';

export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[indexAnnotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** How often the index had failed before this Pod. */
export const failureCount = (pod: Pod) => Number(pod.metadata.annotations?.[failureCountAnnotation] ?? 0) || 0;
const ignoredCount = (pod: Pod) => Number(pod.metadata.annotations?.[ignoredCountAnnotation] ?? 0) || 0;

/** When its last container ended, else when it was asked to go or ceased to be ready (pkg/controller/job/backoff_utils.go). */
export function finishedAtMs(pod: Pod, nowMs: number): number {
  const ends = (pod.status?.containerStatuses ?? []).flatMap(({ state }) => state?.terminated?.finishedAt ?? []);
  if (ends.length > 0) return Math.max(...ends.map((end) => Date.parse(end)));
  if (pod.metadata.deletionTimestamp)
    return Date.parse(pod.metadata.deletionTimestamp) - (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  const ready = pod.status?.conditions?.find(({ type, status }) => type === 'Ready' && status === 'False');
  return ready?.lastTransitionTime ? Date.parse(ready.lastTransitionTime) : nowMs;
}

/** What the next Pod of an index is to remember of its predecessor. */
export function countsAfter(previous: Pod | undefined, ignored: boolean): Record<string, string> {
  if (!previous) return { [failureCountAnnotation]: '0' };
  const counts = { [failureCountAnnotation]: `${failureCount(previous) + (ignored ? 0 : 1)}` };
  const ignoredTotal = ignoredCount(previous) + (ignored ? 1 : 0);
  return ignoredTotal > 0 ? { ...counts, [ignoredCountAnnotation]: `${ignoredTotal}` } : counts;
}

/** The template of the Pod for one index: annotation, label, environment and host name tell it which. */
export function indexedTemplate(job: Job, index: number, counts: Record<string, string>): PodTemplateSpec {
  const { template } = job.spec;
  const variable = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${indexAnnotation}']` } },
  };
  const withIndex = <T extends { env?: { name: string }[] }>(container: T): T =>
    container.env?.some(({ name }) => name === variable.name)
      ? container
      : { ...container, env: [...(container.env ?? []), variable] };
  const spec = template.spec ?? { containers: [] };
  return {
    metadata: {
      ...template.metadata,
      labels: { ...template.metadata?.labels, [indexAnnotation]: `${index}` },
      annotations: { ...template.metadata?.annotations, [indexAnnotation]: `${index}`, ...counts },
    },
    spec: {
      ...spec,
      hostname: `${job.metadata.name.slice(0, 63 - `-${index}`.length)}-${index}`,
      containers: spec.containers.map(withIndex),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(withIndex) } : {}),
    },
  };
}
