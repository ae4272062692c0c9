import type { Namespace, Pod, PodSpec } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { namespaces } from '../../api/resource.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { baselineViolations, restrictedViolations, type Violation } from './plan-pod-security.ts';
import { isPod, refuse } from './refuse.ts';

type Level = 'privileged' | 'baseline' | 'restricted';
const prefix = 'pod-security.kubernetes.io/';

/** Where a workload keeps the Pods it makes. */
const templateOf: Record<string, (object: KubeObject) => PodSpec | undefined> = {
  '/replicationcontrollers': templateSpec,
  '/podtemplates': (object) => (object as { template?: { spec?: PodSpec } }).template?.spec,
  'apps/deployments': templateSpec,
  'apps/replicasets': templateSpec,
  'apps/statefulsets': templateSpec,
  'apps/daemonsets': templateSpec,
  'batch/jobs': templateSpec,
  'batch/cronjobs': (object) =>
    (object as { spec?: { jobTemplate?: { spec?: { template?: { spec?: PodSpec } } } } }).spec?.jobTemplate?.spec
      ?.template?.spec,
};

function templateSpec(object: KubeObject): PodSpec | undefined {
  return (object as { spec?: { template?: { spec?: PodSpec } } }).spec?.template?.spec;
}

/** The Pod Security Standards, as the labels of the namespace ask for (k8s.io/pod-security-admission, KEP-2579). */
export function podSecurity(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    handles: (attributes) =>
      (attributes.operation === 'CREATE' || attributes.operation === 'UPDATE') &&
      attributes.subresource === '' &&
      (isPod(attributes) || templateKey(attributes) in templateOf),
    async validate(attributes) {
      const namespace = reader.get(namespaces, '', attributes.namespace);
      if (!namespace?.metadata.labels) return;
      if (isPod(attributes)) checkPod(attributes, namespace);
      else warnOfTemplate(attributes, namespace);
    },
  };
}

const templateKey = ({ resource }: AdmissionAttributes) => `${resource.group}/${resource.resource}`;

function checkPod(attributes: AdmissionAttributes, namespace: Namespace): void {
  const pod = attributes.object as Pod;
  if (!pod.spec || isHarmlessUpdate(attributes)) return;
  const enforced = levelOf(namespace, 'enforce');
  attributes.annotate(`${prefix}enforce-policy`, `${enforced}:${versionOf(namespace, 'enforce')}`);
  const violations = violationsOf(pod, enforced);
  tell(attributes, namespace, pod, violations.length > 0);
  if (violations.length > 0)
    throw refuse(attributes, `violates PodSecurity ${policyOf(namespace, 'enforce')}: ${list(violations)}`);
}

/** Templates are never refused: their Pods will be. */
function warnOfTemplate(attributes: AdmissionAttributes, namespace: Namespace): void {
  const spec = templateOf[templateKey(attributes)]?.(attributes.object!);
  if (spec) tell(attributes, namespace, { metadata: {}, spec } as Pod, false);
}

/** What the modes warn and audit say; who is refused needs no warning. */
function tell(attributes: AdmissionAttributes, namespace: Namespace, pod: Pod, refused: boolean): void {
  const told = (mode: string) => {
    const violations = violationsOf(pod, levelOf(namespace, mode));
    return violations.length > 0
      ? `would violate PodSecurity ${policyOf(namespace, mode)}: ${list(violations)}`
      : undefined;
  };
  const audited = told('audit');
  if (audited) attributes.annotate(`${prefix}audit-violations`, audited);
  const warned = refused ? undefined : told('warn');
  if (warned) attributes.warn(warned);
}

const policyOf = (namespace: Namespace, mode: string) => `"${levelOf(namespace, mode)}:${versionOf(namespace, mode)}"`;

/** Only images, deadlines and tolerations of a Pod can change; none of them matters here but the ephemeral containers' own path. */
function isHarmlessUpdate({ operation }: AdmissionAttributes): boolean {
  return operation === 'UPDATE';
}

function levelOf(namespace: Namespace, mode: string): Level {
  const level = namespace.metadata.labels?.[prefix + mode];
  if (level === 'baseline' || level === 'restricted' || level === 'privileged' || level === undefined) {
    return level ?? 'privileged';
  }
  // An unknown level is the strictest one.
  return 'restricted';
}

function versionOf(namespace: Namespace, mode: string): string {
  return namespace.metadata.labels?.[`${prefix}${mode}-version`] ?? 'latest';
}

function violationsOf(pod: Pod, level: Level): Violation[] {
  if (level === 'privileged') return [];
  return level === 'baseline' ? baselineViolations(pod) : restrictedViolations(pod);
}

function list(violations: Violation[]): string {
  return violations.map(({ rule, detail }) => (detail ? `${rule} (${detail})` : rule)).join(', ');
}
