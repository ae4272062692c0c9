import type * as core from '../generated/core-v1.ts';
import { dns1123Label, dns1123Subdomain, validLabelValue } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { at, duplicate, invalidEach, invalidValue, none, notSupported, required } from './field-error.ts';
import { validateLabelName } from './metadata.ts';
import { validateLabelSelector, validateSetOperator } from './selector.ts';

/** Node, Pod and anti-affinity (pkg/apis/core/validation validateAffinity). */
export function validateAffinity(affinity: core.Affinity | undefined, path: string): Cause[] {
  if (!affinity) return none;
  const errors: Cause[] = [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution)
    errors.push(
      ...validateNodeSelector(
        nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution,
        `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`,
      ),
    );
  for (const [i, term] of (nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const own = at(`${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution`, i);
    errors.push(...validateWeight(term.weight, own), ...validateNodeTerm(term.preference, `${own}.preference`));
  }
  errors.push(...validatePodAffinity(podAffinity, `${path}.podAffinity`));
  errors.push(...validatePodAffinity(podAntiAffinity, `${path}.podAntiAffinity`));
  return errors;
}

export function validateNodeSelector(selector: core.NodeSelector, path: string): Cause[] {
  const terms = selector.nodeSelectorTerms ?? [];
  if (!terms.length) return [required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term')];
  return terms.flatMap((term, i) => validateNodeTerm(term, at(`${path}.nodeSelectorTerms`, i)));
}

export function validateTolerations(tolerations: readonly core.Toleration[], path: string): Cause[] {
  return tolerations.flatMap((toleration, i) => validateToleration(toleration, at(path, i)));
}

/** Taints of a Node, and effects of tolerations. */
export function validateTaintEffect(effect: string, path: string): Cause[] {
  return taintEffects.includes(effect) ? none : [notSupported(path, effect, taintEffects)];
}

export function validateTopologySpread(constraints: readonly core.TopologySpreadConstraint[], path: string): Cause[] {
  const errors: Cause[] = [];
  for (const [i, constraint] of constraints.entries()) {
    const own = at(path, i);
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains } = constraint;
    if (maxSkew <= 0) errors.push(invalidValue(`${own}.maxSkew`, maxSkew, 'must be greater than zero'));
    if (!topologyKey) errors.push(required(`${own}.topologyKey`, 'can not be empty'));
    if (whenUnsatisfiable !== 'DoNotSchedule' && whenUnsatisfiable !== 'ScheduleAnyway')
      errors.push(notSupported(`${own}.whenUnsatisfiable`, whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']));
    const repeated = constraints
      .slice(i + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    if (repeated)
      errors.push(duplicate(`${own}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`));
    if (minDomains !== undefined && minDomains <= 0)
      errors.push(invalidValue(`${own}.minDomains`, minDomains, 'must be greater than zero'));
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule')
      errors.push(
        invalidValue(
          `${own}.minDomains`,
          minDomains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
        ),
      );
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[field];
      if (policy !== undefined && policy !== 'Honor' && policy !== 'Ignore')
        errors.push(notSupported(`${own}.${field}`, policy, ['Honor', 'Ignore']));
    }
    errors.push(...validateLabelSelector(constraint.labelSelector, `${own}.labelSelector`));
  }
  return errors;
}

const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function validateToleration(toleration: core.Toleration, path: string): Cause[] {
  const errors: Cause[] = [];
  const { key = '', operator = '' as string, value = '', effect = '' as string, tolerationSeconds } = toleration;
  if (key) errors.push(...validateLabelName(key, `${path}.key`));
  if (!key && operator !== 'Exists')
    errors.push(
      invalidValue(
        `${path}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (tolerationSeconds !== undefined && effect !== 'NoExecute')
    errors.push(invalidValue(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  if (operator === '' || operator === 'Equal') {
    const problems = validLabelValue(value);
    if (problems.length) errors.push(invalidValue(`${path}.operator`, value, problems.join(';')));
  } else if (operator === 'Exists') {
    if (value)
      errors.push(invalidValue(`${path}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
  } else errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect) errors.push(...validateTaintEffect(effect, `${path}.effect`));
  return errors;
}

function validateWeight(weight: number, path: string): Cause[] {
  return weight <= 0 || weight > 100 ? [invalidValue(`${path}.weight`, weight, 'must be in the range 1-100')] : none;
}

function validateNodeTerm(term: core.NodeSelectorTerm, path: string): Cause[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((rule, i) => validateNodeRule(rule, at(`${path}.matchExpressions`, i))),
    ...(term.matchFields ?? []).flatMap((rule, i) => validateNodeField(rule, at(`${path}.matchFields`, i))),
  ];
}

function validateNodeRule(rule: core.NodeSelectorRequirement, path: string): Cause[] {
  const { operator, values = [] } = rule;
  const errors = validateSetOperator(operator, values, path) ?? validateOrderOperator(operator, values, path);
  return [...errors, ...validateLabelName(rule.key, `${path}.key`)];
}

function validateOrderOperator(operator: string, values: string[], path: string): Cause[] {
  if (operator !== 'Gt' && operator !== 'Lt')
    return [invalidValue(`${path}.operator`, operator, 'not a valid selector operator')];
  if (values.length === 1) return [];
  return [required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
}

function validateNodeField(rule: core.NodeSelectorRequirement, path: string): Cause[] {
  const errors: Cause[] = [];
  const { key, operator, values = [] } = rule;
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  else if (values.length !== 1)
    errors.push(
      required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"),
    );
  if (key !== 'metadata.name') errors.push(invalidValue(`${path}.key`, key, 'not a valid field selector key'));
  else
    for (const [i, value] of values.entries())
      errors.push(...invalidEach(at(`${path}.values`, i), value, dns1123Subdomain(value)));
  return errors;
}

function validatePodAffinity(affinity: core.PodAffinity | core.PodAntiAffinity | undefined, path: string): Cause[] {
  if (!affinity) return none;
  const required_ = affinity.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...required_.flatMap((term, i) =>
      validatePodTerm(term, at(`${path}.requiredDuringSchedulingIgnoredDuringExecution`, i)),
    ),
    ...preferred.flatMap(({ weight, podAffinityTerm }, i) => {
      const own = at(`${path}.preferredDuringSchedulingIgnoredDuringExecution`, i);
      return [...validateWeight(weight, own), ...validatePodTerm(podAffinityTerm, `${own}.podAffinityTerm`)];
    }),
  ];
}

function validatePodTerm(term: core.PodAffinityTerm, path: string): Cause[] {
  const errors = [
    ...validateLabelSelector(term.labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`),
  ];
  for (const name of term.namespaces ?? []) errors.push(...invalidEach(`${path}.namespace`, name, dns1123Label(name)));
  if (!term.topologyKey) errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  return [...errors, ...validateLabelName(term.topologyKey ?? '', `${path}.topologyKey`)];
}
