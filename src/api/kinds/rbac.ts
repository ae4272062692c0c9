import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../generated/rbac-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain, pathSegmentName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { at, invalidEach, invalidValue, notSupported, required, sameValue } from '../validation/field-error.ts';
import { validateLabelSelector } from '../validation/selector.ts';

/** pkg/apis/rbac/validation. */
export const role: Kind<Role> = {
  type: 'rbac/v1.Role',
  nameRule: 'pathSegment',
  validate: ({ rules }) => ruleErrors(rules, true),
};

export const clusterRole: Kind<ClusterRole> = {
  type: 'rbac/v1.ClusterRole',
  nameRule: 'pathSegment',
  validate({ rules, aggregationRule }) {
    const errors = ruleErrors(rules, false);
    if (!aggregationRule) return errors;
    const own = 'aggregationRule.clusterRoleSelectors';
    const selectors = aggregationRule.clusterRoleSelectors ?? [];
    if (!selectors.length)
      errors.push(required(own, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
    return [...errors, ...selectors.flatMap((selector, i) => validateLabelSelector(selector, at(own, i)))];
  },
};

export const roleBinding: Kind<RoleBinding> = {
  type: 'rbac/v1.RoleBinding',
  nameRule: 'pathSegment',
  validate: (binding) => bindingErrors(binding, ['Role', 'ClusterRole'], true),
  validateUpdate: (binding, old) => [
    ...bindingErrors(binding, ['Role', 'ClusterRole'], true),
    ...roleRefErrors(binding.roleRef, old.roleRef),
  ],
};

export const clusterRoleBinding: Kind<ClusterRoleBinding> = {
  type: 'rbac/v1.ClusterRoleBinding',
  nameRule: 'pathSegment',
  validate: (binding) => bindingErrors(binding, ['ClusterRole'], false),
  validateUpdate: (binding, old) => [
    ...bindingErrors(binding, ['ClusterRole'], false),
    ...roleRefErrors(binding.roleRef, old.roleRef),
  ],
};

const group = 'rbac.authorization.k8s.io';

function ruleErrors(rules: readonly PolicyRule[] | undefined, namespaced: boolean): Cause[] {
  return (rules ?? []).flatMap((rule, i) => {
    const own = at('rules', i);
    const { verbs = [], nonResourceURLs: urls = [], apiGroups = [], resources = [], resourceNames = [] } = rule;
    const errors: Cause[] = [];
    if (!verbs.length) errors.push(required(`${own}.verbs`, 'verbs must contain at least one value'));
    if (urls.length) {
      if (namespaced)
        errors.push(invalidValue(`${own}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'));
      if (apiGroups.length + resources.length + resourceNames.length)
        errors.push(
          invalidValue(
            `${own}.nonResourceURLs`,
            urls,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        );
      return errors;
    }
    if (!apiGroups.length)
      errors.push(required(`${own}.apiGroups`, 'resource rules must supply at least one api group'));
    if (!resources.length)
      errors.push(required(`${own}.resources`, 'resource rules must supply at least one resource'));
    return errors;
  });
}

function bindingErrors(binding: RoleBinding | ClusterRoleBinding, kinds: string[], namespaced: boolean): Cause[] {
  const { roleRef, subjects = [] } = binding;
  const errors: Cause[] = [];
  if (roleRef.apiGroup !== group) errors.push(notSupported('roleRef.apiGroup', roleRef.apiGroup, [group]));
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported('roleRef.kind', roleRef.kind, kinds));
  if (!roleRef.name) errors.push(required('roleRef.name'));
  else errors.push(...invalidEach('roleRef.name', roleRef.name, pathSegmentName(roleRef.name)));
  return [...errors, ...subjects.flatMap((subject, i) => subjectErrors(subject, namespaced, at('subjects', i)))];
}

function subjectErrors(subject: Subject, namespaced: boolean, path: string): Cause[] {
  const { kind, name, namespace, apiGroup = '' } = subject;
  const errors: Cause[] = [];
  if (!name) errors.push(required(`${path}.name`));
  if (kind === 'ServiceAccount') {
    if (name) errors.push(...invalidEach(`${path}.name`, name, dns1123Subdomain(name)));
    if (apiGroup) errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
    if (!namespaced && !namespace) errors.push(required(`${path}.namespace`));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== group) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [group]));
  } else errors.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  return errors;
}

function roleRefErrors(roleRef: RoleRef, old: RoleRef): Cause[] {
  return sameValue(roleRef, old) ? [] : [invalidValue('roleRef', roleRef, 'cannot change roleRef')];
}
