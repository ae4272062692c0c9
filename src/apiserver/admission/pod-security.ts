import { isDeepStrictEqual } from 'node:util';
import type { Container, Namespace, Pod, PodTemplateSpec } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { namespaces, pods } from '../../api/resource.ts';
import { type Cause, invalid } from '../../api/status-error.ts';
import { invalidValue } from '../../api/validation/field-error.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { standardViolations, type Violation } from './plan-pod-security.ts';
import { refuse } from './refuse.ts';

const prefix = 'pod-security.kubernetes.io/';

/** Where a workload keeps the Pods it makes. */
const templateOf: Record<string, (object: KubeObject) => PodTemplateSpec | undefined> = {
  '/replicationcontrollers': ownTemplate,
  '/podtemplates': (object) => (object as { template?: PodTemplateSpec }).template,
  'apps/deployments': ownTemplate,
  'apps/replicasets': ownTemplate,
  'apps/statefulsets': ownTemplate,
  'apps/daemonsets': ownTemplate,
  'batch/jobs': ownTemplate,
  'batch/cronjobs': (object) =>
    (object as { spec?: { jobTemplate?: { spec?: { template?: PodTemplateSpec } } } }).spec?.jobTemplate?.spec
      ?.template,
};

function ownTemplate(object: KubeObject): PodTemplateSpec | undefined {
  return (object as { spec?: { template?: PodTemplateSpec } }).spec?.template;
}

/** The Pod Security Standards, as the labels of the namespace ask for (k8s.io/pod-security-admission, KEP-2579). */
export function podSecurity(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    handles: (attributes) =>
      (attributes.operation === 'CREATE' || attributes.operation === 'UPDATE') &&
      (isOfPod(attributes) ||
        (attributes.subresource === '' && (templateKey(attributes) in templateOf || isNamespace(attributes)))),
    async validate(attributes) {
      if (isNamespace(attributes)) {
        checkNamespace(attributes, reader);
        return;
      }
      const namespace = reader.get(namespaces, '', attributes.namespace);
      if (!namespace) return;
      if (isOfPod(attributes)) checkPod(attributes, namespace);
      else warnOfTemplate(attributes, namespace);
    },
  };
}

const templateKey = ({ resource }: AdmissionAttributes) => `${resource.group}/${resource.resource}`;
const isNamespace = ({ resource }: AdmissionAttributes) => resource.group === '' && resource.resource === 'namespaces';

/** A Pod, or a subresource that changes what it runs. */
function isOfPod({ resource, subresource }: AdmissionAttributes): boolean {
  const changing = subresource === '' || subresource === 'ephemeralcontainers' || subresource === 'resize';
  return resource.group === '' && resource.resource === 'pods' && changing;
}

function checkPod(attributes: AdmissionAttributes, namespace: Namespace): void {
  const pod = attributes.object as Pod;
  if (!pod.spec || (attributes.operation === 'UPDATE' && !isSignificant(pod, attributes.oldObject as Pod))) return;
  const policy = policyOf(namespace);
  attributes.annotate(`${prefix}enforce-policy`, spell(policy.enforce));
  const violations = violationsOf(pod, policy.enforce);
  tell(attributes, policy, pod, violations.length > 0);
  if (violations.length > 0)
    throw refuse(attributes, `violates PodSecurity "${spell(policy.enforce)}": ${list(violations)}`);
}

/** Whether an update could break a rule: what else may change of a Pod is of no account. */
function isSignificant({ spec }: Pod, old: Pod): boolean {
  const before = old.spec!;
  const differ = (ours: Container[] = [], theirs: Container[] = []) =>
    ours.length !== theirs.length || ours.some(({ image }, i) => image !== theirs[i]?.image);
  const addsEphemeral = spec!.ephemeralContainers?.some(({ name, image }) => {
    const same = before.ephemeralContainers?.find((one) => one.name === name);
    return same?.image !== image;
  });
  return (
    differ(spec!.containers, before.containers) ||
    differ(spec!.initContainers, before.initContainers) ||
    Boolean(addsEphemeral)
  );
}

/** Templates are never refused: their Pods will be. */
function warnOfTemplate(attributes: AdmissionAttributes, namespace: Namespace): void {
  const template = templateOf[templateKey(attributes)]?.(attributes.object!);
  if (!template?.spec) return;
  const pod = { metadata: template.metadata ?? {}, spec: template.spec } as Pod;
  tell(attributes, policyOf(namespace), pod, false);
}

/** What the modes warn and audit say; who is refused needs no warning. */
function tell(attributes: AdmissionAttributes, policy: Policy, pod: Pod, refused: boolean): void {
  const told = (rule: Rule) => {
    const violations = violationsOf(pod, rule);
    return violations.length > 0 ? `would violate PodSecurity "${spell(rule)}": ${list(violations)}` : undefined;
  };
  if (policy.errors.length > 0) {
    const [{ field = '', message = '' } = {}] = policy.errors;
    attributes.annotate(`${prefix}error`, `Failed to parse policy: ${field}: ${message}`);
  }
  const audited = told(policy.audit);
  if (audited) attributes.annotate(`${prefix}audit-violations`, audited);
  const warned = refused ? undefined : told(policy.warn);
  if (warned) attributes.warn(warned);
}

/** A namespace may not ask for levels that are not there, and is told which of its Pods a new level would refuse. */
function checkNamespace(attributes: AdmissionAttributes, reader: ObjectReader): void {
  const namespace = attributes.object as Namespace;
  const policy = policyOf(namespace);
  const old = attributes.oldObject && policyOf(attributes.oldObject as Namespace);
  if (policy.errors.length > 0 && !isDeepStrictEqual(policy.errors, old?.errors))
    throw invalid({ group: '', kind: 'Namespace' }, namespace.metadata.name, policy.errors);
  const { enforce } = policy;
  if (!old || isDeepStrictEqual(enforce, old.enforce) || enforce.level === 'privileged') return;
  if (enforce.version === old.enforce.version && levels.indexOf(enforce.level) <= levels.indexOf(old.enforce.level))
    return;
  const warnings = warningsOfPods(reader.list(pods, namespace.metadata.name), enforce);
  if (warnings.length === 0) return;
  const name = JSON.stringify(namespace.metadata.name);
  attributes.warn(`existing pods in namespace ${name} violate the new PodSecurity enforce level "${spell(enforce)}"`);
  for (const warning of warnings) attributes.warn(warning);
}

/** One line for all Pods that break the same rules. */
function warningsOfPods(all: readonly Pod[], rule: Rule): string[] {
  const named = new Map<string, string[]>();
  for (const pod of all) {
    const broken = violationsOf(pod, rule).map((violation) => violation.rule);
    if (broken.length > 0) named.set(broken.join(', '), [...(named.get(broken.join(', ')) ?? []), pod.metadata.name]);
  }
  return [...named]
    .map(([broken, names]) => {
      const others = names.length - 1;
      const more = others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'pod' : 'pods'})`;
      return `${names.sort()[0]}${more}: ${broken}`;
    })
    .sort();
}

const levels = ['privileged', 'baseline', 'restricted'] as const;
type Level = (typeof levels)[number];

interface Rule {
  level: Level;
  version: string;
}

interface Policy {
  enforce: Rule;
  audit: Rule;
  warn: Rule;
  /** Of labels that make no sense. */
  errors: Cause[];
}

const spell = ({ level, version }: Rule) => `${level}:${version}`;

function policyOf({ metadata: { labels = {} } }: Namespace): Policy {
  const errors: Cause[] = [];
  /** What a label that makes no sense stands for: the strictest level where it refuses, none where it only tells. */
  const read = (mode: string, otherwise: Level): Rule => {
    const [level, version] = [labels[prefix + mode], labels[`${prefix}${mode}-version`]];
    const complain = (key: string, value: string, detail: string) =>
      errors.push(invalidValue(`metadata.labels[${key}]`, value, detail));
    const isLevel = level === undefined || levels.includes(level as Level);
    if (!isLevel) complain(prefix + mode, level, `must be one of ${levels.join(', ')}`);
    const isVersion = version === undefined || /^(latest|v1\.(0|[1-9]\d*))$/.test(version);
    if (!isVersion) complain(`${prefix}${mode}-version`, version, 'must be "latest" or "v1.x"');
    return {
      level: isLevel ? ((level as Level | undefined) ?? 'privileged') : otherwise,
      version: isVersion ? (version ?? 'latest') : 'latest',
    };
  };
  return {
    enforce: read('enforce', 'restricted'),
    audit: read('audit', 'privileged'),
    warn: read('warn', 'privileged'),
    errors,
  };
}

/** Each version of a standard is judged by its own rules. */
function violationsOf(pod: Pod, { level, version }: Rule): Violation[] {
  if (level === 'privileged') return [];
  return standardViolations(pod, level, version === 'latest' ? Infinity : Number(version.slice('v1.'.length)));
}

function list(violations: Violation[]): string {
  return violations.map(({ rule, detail }) => (detail ? `${rule} (${detail})` : rule)).join(', ');
}
