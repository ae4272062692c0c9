import type { Container, Pod, PodSpec } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain, inRange } from '../names.ts';
import type { LabelSelector } from '../object.ts';
import { qosClassOf } from '../qos.ts';
import type { Cause } from '../status-error.ts';
import { validateImageSpace } from '../validation/containers.ts';
import { describeDifference } from '../validation/difference.ts';
import { at, forbiddenField, invalidEach, invalidValue, required, sameValue } from '../validation/field-error.ts';
import { validatePodSpec } from '../validation/pod-spec.ts';
import { podStatusErrors } from '../validation/pod-status.ts';
import { validateTolerations } from '../validation/scheduling.ts';
import { podWarnings } from './pod-warnings.ts';

/** pkg/registry/core/pod/strategy.go and pkg/apis/core/validation. */
export const pod: Kind<Pod> = {
  type: 'core/v1.Pod',
  hasGeneration: true,
  defaults: defaultPod,
  validate(pod) {
    const errors = podErrors(pod);
    if (pod.spec.ephemeralContainers?.length)
      errors.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'));
    if (pod.spec.nodeName && pod.spec.schedulingGates?.length)
      errors.push(forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
    return errors;
  },
  validateUpdate: (pod, old) => [...podErrors(pod), ...annotationUpdateErrors(pod, old), ...specUpdateErrors(pod, old)],
  validateStatusUpdate: (pod, old) => [...annotationUpdateErrors(pod, old), ...podStatusErrors(pod, old)],
  prepareForCreate(pod) {
    syncServiceAccount(pod.spec);
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
    if (pod.spec.schedulingGates?.length)
      pod.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ];
    mergeMatchLabelKeys(pod);
  },
  prepareForUpdate: ({ spec }) => syncServiceAccount(spec),
  prepareForStatusUpdate(pod, old) {
    pod.metadata.ownerReferences = old.metadata.ownerReferences;
    if (!pod.metadata.ownerReferences) delete pod.metadata.ownerReferences;
    if (!pod.status) return;
    if (!pod.status.qosClass && old.status?.qosClass) pod.status.qosClass = old.status.qosClass;
    if (!pod.status.observedGeneration && old.status?.observedGeneration)
      pod.status.observedGeneration = old.status.observedGeneration;
    // podIP is the first of podIPs, whoever writes which (Convert_v1_PodStatus_To_core_PodStatus).
    const { podIP, podIPs } = pod.status;
    if (podIP && !podIPs?.length) pod.status.podIPs = [{ ip: podIP }];
    else if (!podIP && podIPs?.[0]) pod.status.podIP = podIPs[0].ip;
  },
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIP ?? '',
    'status.podIPs': (pod) => pod.status?.podIP ?? '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
  warnings: (pod, old) => (old ? [] : podWarnings(pod)),
  gracePeriodSeconds(pod, requested) {
    const phase = pod.status?.phase;
    if (!pod.spec.nodeName || phase === 'Failed' || phase === 'Succeeded') return 0;
    const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0;
    return seconds < 0 ? 1 : seconds;
  },
};

/** What a change through /ephemeralcontainers may not do (ValidatePodEphemeralContainersUpdate). */
export function validateEphemeralContainersUpdate(pod: Pod, old: Pod): Cause[] {
  const path = 'spec.ephemeralContainers';
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined)
    return [forbiddenField('', 'static pods do not support ephemeral containers')];
  const errors = podErrors(pod);
  const byName = new Map((pod.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  for (const before of old.spec.ephemeralContainers ?? []) {
    const now = byName.get(before.name);
    if (!now) errors.push(forbiddenField(path, `existing ephemeral containers "${before.name}" may not be removed\n`));
    else if (!sameValue(now, before))
      errors.push(
        forbiddenField(
          path,
          `existing ephemeral containers "${before.name}" may not be changed\n${describeDifference(before, now)}`,
        ),
      );
  }
  return errors;
}

/** What a change through /resize may not do (ValidatePodResize): only cpu and memory of containers, in the same QoS class. */
export function validateResizeUpdate(pod: Pod, old: Pod): Cause[] {
  const errors = podErrors(pod);
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined)
    return [forbiddenField('', 'static pods cannot be resized')];
  if ((old.status?.qosClass ?? qosClassOf(old.spec)) !== qosClassOf(pod.spec))
    errors.push(
      invalidValue('metadata', old.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'),
    );
  const munged = structuredClone(pod.spec);
  for (const list of ['containers', 'initContainers'] as const)
    for (const [i, container] of (munged[list] ?? []).entries()) {
      const before = old.spec[list]?.[i];
      container.resources = before?.resources;
      container.resizePolicy = before?.resizePolicy;
    }
  munged.resources = old.spec.resources;
  if (!sameValue(munged, old.spec))
    errors.push(
      forbiddenField('spec', `only cpu and memory resources are mutable\n${describeDifference(old.spec, munged)}`),
    );
  return errors;
}

/** What a Binding must say (ValidatePodBinding). */
export function validateBinding(binding: { target?: { kind?: string; name?: string } }): Cause[] {
  const errors: Cause[] = [];
  const { kind, name } = binding.target ?? {};
  if (kind && kind !== 'Node')
    errors.push({
      reason: 'FieldValueNotSupported',
      field: 'target.kind',
      message: `Unsupported value: "${kind}": supported values: "Node", "<empty>"`,
    });
  if (!name) errors.push(required('target.name'));
  else errors.push(...invalidEach('target.name', name, dns1123Subdomain(name)));
  return errors;
}

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const mutableFields = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** SetDefaults_Pod: what holds for Pods and not for templates. */
function defaultPod(pod: Pod): void {
  const spec = pod.spec as PodSpec | undefined;
  if (!spec) return;
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  for (const container of containers) {
    const limits = container.resources?.limits;
    if (limits && container.resources) container.resources.requests = { ...limits, ...container.resources.requests };
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
  }
  spec.enableServiceLinks ??= true;
  if (spec.resources?.limits) spec.resources.requests = { ...spec.resources.limits, ...spec.resources.requests };
}

/** serviceAccount is the old name of serviceAccountName; both are always shown (Convert_core_PodSpec_To_v1_PodSpec). */
function syncServiceAccount(spec: PodSpec): void {
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
}

function podErrors(pod: Pod): Cause[] {
  const { spec, metadata } = pod;
  const errors = annotationErrors(pod);
  errors.push(...validatePodSpec(spec, 'spec', { isPod: true, name: metadata.name }));
  if (!spec.serviceAccountName)
    for (const [i, volume] of (spec.volumes ?? []).entries())
      for (const [j, source] of (volume.projected?.sources ?? []).entries())
        if (source.serviceAccountToken)
          errors.push(
            forbiddenField(
              `${at(`${at('spec.volumes', i)}.projected.sources`, j)}.serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          );
  for (const list of ['containers', 'initContainers'] as const)
    for (const [i, container] of (spec[list] ?? []).entries())
      errors.push(...validateImageSpace(container.image, at(`spec.${list}`, i)));
  return errors;
}

function annotationErrors({ metadata: { annotations }, spec }: Pod): Cause[] {
  const errors: Cause[] = [];
  const mirror = annotations?.[mirrorAnnotation];
  if (mirror !== undefined && !spec.nodeName)
    errors.push(
      invalidValue(
        `metadata.annotations[${mirrorAnnotation}]`,
        mirror,
        'must set spec.nodeName if mirror pod annotation is set',
      ),
    );
  const cost = annotations?.['controller.kubernetes.io/pod-deletion-cost'];
  if (cost !== undefined && !isInt32(cost))
    errors.push(
      invalidValue('metadata.annotations[controller.kubernetes.io/pod-deletion-cost]', cost, 'must be a 32bit integer'),
    );
  return errors;
}

function isInt32(text: string): boolean {
  return /^(0|-?[1-9][0-9]*)$/.test(text) && Math.abs(Number(text)) < 2 ** 31;
}

function annotationUpdateErrors(pod: Pod, old: Pod): Cause[] {
  const now = pod.metadata.annotations?.[mirrorAnnotation];
  const before = old.metadata.annotations?.[mirrorAnnotation];
  if (now === before) return [];
  const verb = before === undefined ? 'add' : 'remove or update';
  return [forbiddenField(`metadata.annotations[${mirrorAnnotation}]`, `may not ${verb} mirror pod annotation`)];
}

/** Which changes of a spec are allowed (ValidatePodUpdate). */
function specUpdateErrors(pod: Pod, old: Pod): Cause[] {
  const errors: Cause[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    const containers: readonly Container[] = pod.spec[list] ?? [];
    if (containers.length !== (old.spec[list] ?? []).length)
      return [...errors, forbiddenField(`spec.${list}`, 'pod updates may not add or remove containers')];
    for (const [i, container] of containers.entries())
      if (!container.image) errors.push(required(`${at(`spec.${list}`, i)}.image`));
  }
  const deadline = deadlineErrors(pod.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds);
  errors.push(...deadline);
  if (deadline.length && pod.spec.activeDeadlineSeconds !== undefined) return errors;
  errors.push(...tolerationErrors(pod.spec, old.spec));
  errors.push(...gateErrors(pod.spec, old.spec));
  if (sameValue(pod.spec, old.spec)) return errors;
  const { munged, more } = withMutableFieldsOf(pod.spec, old.spec);
  errors.push(...more);
  if (!sameValue(munged, old.spec))
    errors.push(
      forbiddenField(
        'spec',
        `pod updates may not change fields other than ${mutableFields}\n${describeDifference(old.spec, munged)}`,
      ),
    );
  return errors;
}

function deadlineErrors(now: number | undefined, before: number | undefined): Cause[] {
  const path = 'spec.activeDeadlineSeconds';
  if (now === undefined)
    return before === undefined
      ? []
      : [invalidValue(path, null, 'must not update from a positive integer to nil value')];
  const range = inRange(now, 0, 2 ** 31 - 1);
  if (range.length) return invalidEach(path, now, range);
  return before !== undefined && before < now
    ? [invalidValue(path, now, 'must be less than or equal to previous value')]
    : [];
}

function tolerationErrors(spec: PodSpec, old: PodSpec): Cause[] {
  const now = spec.tolerations ?? [];
  if (sameValue(now, old.tolerations)) return [];
  for (const before of old.tolerations ?? [])
    if (
      !now.some((toleration) => sameValue({ ...before, tolerationSeconds: toleration.tolerationSeconds }, toleration))
    )
      return [
        forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
      ];
  return validateTolerations(now, 'spec.tolerations');
}

function gateErrors(spec: PodSpec, old: PodSpec): Cause[] {
  const before = new Set((old.schedulingGates ?? []).map((gate) => gate.name));
  return (spec.schedulingGates ?? []).flatMap(({ name }, i) =>
    before.has(name)
      ? []
      : [
          forbiddenField(
            `${at('spec.schedulingGates', i)}.name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

/** The new spec with every field that may change set back, so that what still differs is what may not. */
function withMutableFieldsOf(spec: PodSpec, old: PodSpec): { munged: PodSpec; more: Cause[] } {
  const more: Cause[] = [];
  const munged: PodSpec = { ...spec };
  munged.containers = spec.containers.map((container, i) => ({ ...container, image: old.containers[i]?.image }));
  if (spec.initContainers)
    munged.initContainers = spec.initContainers.map((container, i) => ({
      ...container,
      image: old.initContainers?.[i]?.image,
    }));
  munged.activeDeadlineSeconds = old.activeDeadlineSeconds;
  munged.schedulingGates = old.schedulingGates;
  munged.tolerations = old.tolerations;
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1)
    munged.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  if (old.schedulingGates?.length) {
    for (const [key, value] of Object.entries(old.nodeSelector ?? {}))
      if (spec.nodeSelector?.[key] !== value) {
        more.push(
          invalidValue(
            'spec.nodeSelector',
            spec.nodeSelector ?? {},
            'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
          ),
        );
        break;
      }
    munged.nodeSelector = old.nodeSelector;
    if (spec.affinity || old.affinity) munged.affinity = { ...spec.affinity, nodeAffinity: old.affinity?.nodeAffinity };
    if (!old.affinity && sameValue(munged.affinity, {})) munged.affinity = undefined;
  }
  return { munged, more };
}

/** matchLabelKeys become requirements on the labels that the Pod has at creation (KEP-3633, KEP-3243). */
function mergeMatchLabelKeys({ spec, metadata: { labels = {} } }: Pod): void {
  const add = (selector: LabelSelector, keys: readonly string[] | undefined, operator: 'In' | 'NotIn') => {
    for (const key of keys ?? []) {
      const value = labels[key];
      if (value === undefined) continue;
      selector.matchExpressions ??= [];
      selector.matchExpressions.push({ key, operator, values: [value] });
    }
  };
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    const terms = [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) => weighted.podAffinityTerm),
    ];
    for (const { labelSelector, matchLabelKeys, mismatchLabelKeys } of terms) {
      if (!labelSelector) continue;
      add(labelSelector, matchLabelKeys, 'In');
      add(labelSelector, mismatchLabelKeys, 'NotIn');
    }
  }
  for (const { labelSelector, matchLabelKeys } of spec.topologySpreadConstraints ?? [])
    if (labelSelector) add(labelSelector, matchLabelKeys, 'In');
}
