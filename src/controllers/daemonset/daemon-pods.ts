import type { DaemonSet } from '../../api/generated/apps-v1.ts';
import type { Node, Pod, PodTemplateSpec, Toleration } from '../../api/generated/core-v1.ts';
import { matchesNodeAffinity } from '../../api/node-selector.ts';
import { tolerates } from '../../api/tolerations.ts';

/** Which nodes a DaemonSet's Pods belong on, and how they are pinned there (kubernetes pkg/controller/daemon/util). Pure. */

export const hashLabel = 'controller-revision-hash';
/** Which generation of the template a Pod is of, as the annotation of the DaemonSet counts them; deprecated, and still set. */
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

/** The template of the Pod for one node: the scheduler places it, but nowhere else (ReplaceDaemonSetPodNodeNameNodeAffinity). */
export function daemonTemplate(set: DaemonSet, nodeName: string, hash: string): PodTemplateSpec {
  const { template } = set.spec;
  const spec = template.spec ?? { containers: [] };
  const term = { matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [nodeName] }] };
  const generation = set.metadata.annotations?.[generationAnnotation];
  const labels = {
    ...template.metadata?.labels,
    ...(generation !== undefined ? { [generationLabel]: generation } : {}),
    [hashLabel]: hash,
  };
  return {
    metadata: { ...template.metadata, labels },
    spec: {
      ...spec,
      nodeName: undefined,
      affinity: {
        ...spec.affinity,
        nodeAffinity: {
          ...spec.affinity?.nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
        },
      },
      tolerations: withDaemonTolerations(set),
    },
  };
}

/** A daemon stays while its node is in trouble (AddOrUpdateDaemonPodTolerations). */
function withDaemonTolerations(set: DaemonSet): Toleration[] {
  const spec = set.spec.template.spec;
  const own = spec?.tolerations ?? [];
  const wanted: [key: string, effect: 'NoExecute' | 'NoSchedule'][] = [
    ['node.kubernetes.io/not-ready', 'NoExecute'],
    ['node.kubernetes.io/unreachable', 'NoExecute'],
    ['node.kubernetes.io/disk-pressure', 'NoSchedule'],
    ['node.kubernetes.io/memory-pressure', 'NoSchedule'],
    ['node.kubernetes.io/pid-pressure', 'NoSchedule'],
    ['node.kubernetes.io/unschedulable', 'NoSchedule'],
  ];
  if (spec?.hostNetwork) wanted.push(['node.kubernetes.io/network-unavailable', 'NoSchedule']);
  const added = wanted.map(([key, effect]): Toleration => ({ key, operator: 'Exists', effect }));
  return [...own.filter((one) => !added.some((two) => one.key === two.key && one.effect === two.effect)), ...added];
}

/** Where the Pod is, or is meant to be. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? [])
    for (const { key, operator, values = [] } of matchFields)
      if (key === 'metadata.name' && operator === 'In' && values.length === 1) return values[0];
  return undefined;
}

/** Whether a Pod should be started on the node, and whether one that runs there may go on (NodeShouldRunDaemonPod). */
export function belongsOn(set: DaemonSet, node: Node): { run: boolean; goOn: boolean } {
  const spec = set.spec.template.spec;
  const pod = { spec: spec ?? { containers: [] } } as Pod;
  const named = !spec?.nodeName || spec.nodeName === node.metadata.name;
  if (!named || !matchesNodeAffinity(pod, node)) return { run: false, goOn: false };
  const tolerations = withDaemonTolerations(set);
  const untolerated = (node.spec.taints ?? []).filter((taint) => !tolerates(tolerations, taint));
  return {
    run: untolerated.every(({ effect }) => effect === 'PreferNoSchedule'),
    goOn: untolerated.every(({ effect }) => effect !== 'NoExecute'),
  };
}
