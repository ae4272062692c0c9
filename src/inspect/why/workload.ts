import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../../api/generated/apps-v1.ts';
import { controllerOf, type KubeObject } from '../../api/object.ts';
import { diagnoseAdmission } from './admission.ts';
import { describe, oneLine, podsOwnedBy, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { diagnosePod } from './pod.ts';

type Workload = Deployment | ReplicaSet | StatefulSet | DaemonSet;

/** A workload: what keeps its Pods from being made, then what its Pods suffer from, then what it says of itself. */
export function diagnoseWorkload(workload: Workload, facts: WhyFacts): Finding[] {
  const sets = facts.workloads.filter((its) => controllerOf(its)?.uid === workload.metadata.uid);
  const admission = dedupe([workload, ...sets].flatMap((object) => diagnoseAdmission(object, facts)));
  const pods = podsOwnedBy(facts, workload);
  const ofPods = pods.flatMap((pod) => diagnosePod(pod, facts));
  return [...admission, ...ofPods, ...ownState(workload, pods.length, facts)];
}

/** A Deployment repeats its ReplicaSet's failure. */
function dedupe(findings: Finding[]): Finding[] {
  return findings.filter((finding, i) => findings.findIndex(({ code }) => code === finding.code) === i);
}

function ownState(workload: Workload, podCount: number, { nodes }: WhyFacts): Finding[] {
  const base = { subject: describe(workload), evidence: [] as string[], hints: [] as string[] };
  const found: Finding[] = [];
  const { spec, status } = workload as Deployment;
  if (workload.kind === 'DaemonSet') {
    const desired = (workload as DaemonSet).status?.desiredNumberScheduled;
    if (desired === 0 && nodes.length > 0)
      found.push({
        ...base,
        code: 'NoNodeForDaemon',
        severity: 'error',
        cause: 'none of the nodes is meant for it: its nodeSelector, affinity or tolerations exclude all',
        evidence: [`nodeSelector: ${JSON.stringify((workload as DaemonSet).spec?.template.spec?.nodeSelector ?? {})}`],
        hints: nodes
          .slice(0, 3)
          .map(({ metadata }) => `labels of ${metadata.name}: kubectl get node ${metadata.name} --show-labels`),
      });
  } else if (spec?.replicas === 0)
    found.push({
      ...base,
      code: 'ScaledToZero',
      severity: 'error',
      cause: 'it is scaled to 0 replicas',
      hints: [scaleHint(workload)],
    });
  if (spec?.paused && podCount === 0)
    found.push({
      ...base,
      code: 'Paused',
      severity: 'error',
      cause: 'it is paused, so nothing is rolled out',
      hints: [`kubectl rollout resume deployment/${workload.metadata.name}`],
    });
  else if (spec?.paused)
    found.push({
      ...base,
      code: 'Paused',
      severity: 'note',
      cause: 'it is paused: changes are not rolled out',
      hints: [],
    });
  const progress = status?.conditions?.find(
    ({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded',
  );
  if (progress)
    found.push({
      ...base,
      code: 'ProgressDeadlineExceeded',
      severity: 'note',
      cause: 'its rollout has not progressed in time',
      evidence: [oneLine(progress.message)],
    });
  if (workload.kind === 'StatefulSet') found.push(...blockedOrder(workload as StatefulSet, podCount));
  return found;
}

const scaleHint = ({ kind, metadata }: KubeObject) =>
  `kubectl scale ${kind.toLowerCase()}/${metadata.name} -n ${metadata.namespace} --replicas=1`;

/** With OrderedReady a Pod is made only when all before it are ready. */
function blockedOrder({ spec, metadata, kind, apiVersion, status }: StatefulSet, podCount: number): Finding[] {
  const wanted = spec?.replicas ?? 1;
  if (podCount >= wanted || podCount === 0 || spec?.podManagementPolicy === 'Parallel') return [];
  return [
    {
      code: 'OrderedStart',
      severity: 'note',
      subject: describe({ kind, apiVersion, metadata }),
      cause: `${podCount} of ${wanted} Pods are made: the next waits until ${metadata.name}-${podCount - 1} is ready`,
      evidence: [`podManagementPolicy: OrderedReady, ready ${status?.readyReplicas ?? 0}`],
      hints: [],
    },
  ];
}
