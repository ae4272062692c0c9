import type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from '../../api/generated/authorization-v1.ts';
import { badRequest, type Cause, invalid } from '../../api/status-error.ts';
import type { RequestInfo, UserInfo } from '../request.ts';
import type { ClusterAuthorizer } from './authorizers.ts';
import { nodeOfUser } from './node-authorizer.ts';

const apiVersion = 'authorization.k8s.io/v1';

/** POST …/subjectaccessreviews (pkg/registry/authorization/subjectaccessreview). */
export function reviewAccess(review: SubjectAccessReview, authorizer: ClusterAuthorizer): SubjectAccessReview {
  check('SubjectAccessReview', [...attributeCauses(review.spec), ...subjectCauses(review.spec)]);
  return {
    ...review,
    kind: 'SubjectAccessReview',
    apiVersion,
    status: statusOf(authorizer, subjectOf(review.spec), review.spec),
  };
}

/** POST …/namespaces/NAMESPACE/localsubjectaccessreviews */
export function reviewLocalAccess(
  review: LocalSubjectAccessReview,
  namespace: string,
  authorizer: ClusterAuthorizer,
): LocalSubjectAccessReview {
  const { spec } = review;
  const causes = [...attributeCauses(spec), ...subjectCauses(spec)];
  const asked = spec.resourceAttributes?.namespace ?? '';
  if (spec.resourceAttributes && asked !== namespace) {
    causes.push(cause('spec.resourceAttributes.namespace', JSON.stringify(asked), 'must match metadata.namespace'));
  }
  if (spec.nonResourceAttributes) {
    const value = JSON.stringify(spec.nonResourceAttributes);
    causes.push(cause('spec.nonResourceAttributes', value, 'disallowed on this kind of request'));
  }
  check('LocalSubjectAccessReview', causes);
  return {
    ...review,
    kind: 'LocalSubjectAccessReview',
    apiVersion,
    metadata: { ...review.metadata, namespace },
    status: statusOf(authorizer, subjectOf(spec), spec),
  };
}

/** POST …/selfsubjectaccessreviews: `kubectl auth can-i`. */
export function reviewOwnAccess(
  review: SelfSubjectAccessReview,
  user: UserInfo,
  authorizer: ClusterAuthorizer,
): SelfSubjectAccessReview {
  check('SelfSubjectAccessReview', attributeCauses(review.spec));
  return {
    ...review,
    kind: 'SelfSubjectAccessReview',
    apiVersion,
    status: statusOf(authorizer, user, review.spec),
  };
}

/** POST …/selfsubjectrulesreviews: `kubectl auth can-i --list`. */
export function reviewOwnRules(
  review: SelfSubjectRulesReview,
  user: UserInfo,
  authorizer: ClusterAuthorizer,
): SelfSubjectRulesReview {
  const namespace = review.spec?.namespace;
  if (!namespace) throw badRequest('no namespace on request');
  const grants = authorizer.resolver.grantsFor(user, namespace);
  const rules = grants.flatMap((grant) => grant.rules);
  const errors = grants.flatMap((grant) => (grant.error ? [grant.error.message] : []));
  const isNode = nodeOfUser(user) !== undefined;
  if (isNode) errors.push('node authorizer does not support user rule resolution');
  return {
    ...review,
    kind: 'SelfSubjectRulesReview',
    apiVersion,
    status: {
      resourceRules: rules
        .filter((rule) => rule.resources?.length)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames })),
      nonResourceRules: rules
        .filter((rule) => rule.nonResourceURLs?.length)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: errors.length > 0,
      ...(errors.length > 0 ? { evaluationError: errors.join(', ') } : {}),
    },
  };
}

interface Attributes {
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: NonResourceAttributes;
}

function statusOf(authorizer: ClusterAuthorizer, user: UserInfo, spec: Attributes): SubjectAccessReviewStatus {
  const { allowed, reason } = authorizer.decide(user, requestOf(spec));
  return { allowed, ...(reason ? { reason } : {}) };
}

function requestOf({ resourceAttributes: asked, nonResourceAttributes: path }: Attributes): RequestInfo {
  return {
    isResourceRequest: asked !== undefined,
    verb: asked?.verb ?? path?.verb ?? '',
    path: path?.path ?? '',
    group: asked?.group ?? '',
    version: asked?.version ?? '',
    resource: asked?.resource ?? '',
    subresource: asked?.subresource ?? '',
    namespace: asked?.namespace ?? '',
    name: asked?.name ?? '',
  };
}

function subjectOf(spec: SubjectAccessReviewSpec): UserInfo {
  return { name: spec.user ?? '', groups: spec.groups ?? [], uid: spec.uid, extra: spec.extra };
}

function attributeCauses({ resourceAttributes, nonResourceAttributes }: Attributes = {}): Cause[] {
  if (resourceAttributes && nonResourceAttributes) {
    const value = JSON.stringify(nonResourceAttributes);
    return [cause('spec.nonResourceAttributes', value, 'cannot be specified in combination with resourceAttributes')];
  }
  if (resourceAttributes || nonResourceAttributes) return [];
  const rule = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [cause('spec.resourceAttributes', 'null', rule)];
}

function subjectCauses(spec: SubjectAccessReviewSpec): Cause[] {
  if (spec?.user || spec?.groups?.length) return [];
  return [cause('spec.user', '""', 'at least one of user or group must be specified')];
}

function cause(field: string, value: string, rule: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${value}: ${rule}`, field };
}

function check(kind: string, causes: Cause[]): void {
  if (causes.length > 0) throw invalid({ group: 'authorization.k8s.io', kind }, '', causes);
}
