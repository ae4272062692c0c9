import type {
  AuditAnnotation,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
  Variable,
} from '../generated/admissionregistration-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import {
  duplicate,
  forbiddenField,
  invalidEach,
  invalidValue,
  notSupported,
  required,
  sameValue,
  tooMany,
} from '../validation/field-error.ts';
import { matchConditionErrors } from '../validation/match-conditions.ts';

/**
 * pkg/apis/admissionregistration/v1/defaults.go and validation/validation.go. Whether expressions compile is checked at
 * admission, where the compiler is loaded.
 */
export const validatingAdmissionPolicy: Kind<ValidatingAdmissionPolicy> = {
  type: 'admissionregistration/v1.ValidatingAdmissionPolicy',
  defaults({ spec }) {
    if (!spec) return;
    spec.failurePolicy ??= 'Fail';
    defaultMatch(spec.matchConstraints);
  },
  validate({ metadata, spec = {} }) {
    const errors = sharedErrors(spec, ['CREATE', 'UPDATE', 'DELETE', 'CONNECT', '*']);
    if (!spec.validations?.length && !spec.auditAnnotations?.length)
      errors.push(
        required('spec.validations', 'validations or auditAnnotations must be non-empty'),
        required('spec.auditAnnotations', 'validations or auditAnnotations must be non-empty'),
      );
    for (const [i, validation] of (spec.validations ?? []).entries())
      errors.push(...validationErrors(validation, `spec.validations[${i}]`));
    errors.push(...auditAnnotationErrors(spec.auditAnnotations, metadata.name));
    return errors;
  },
};

export const validatingAdmissionPolicyBinding: Kind<ValidatingAdmissionPolicyBinding> = {
  type: 'admissionregistration/v1.ValidatingAdmissionPolicyBinding',
  defaults: ({ spec }) => defaultMatch(spec?.matchResources),
  validate({ spec = {} }) {
    const errors = bindingErrors(spec);
    const { validationActions: actions = [] } = spec;
    const path = 'spec.validationActions';
    if (actions.length === 0) errors.push(required(path, 'at least one validation action is required'));
    for (const [i, action] of actions.entries()) {
      if (!['Deny', 'Warn', 'Audit'].includes(action))
        errors.push(notSupported(`${path}[${i}]`, action, ['Audit', 'Deny', 'Warn']));
      if (actions.indexOf(action) < i) errors.push(duplicate(`${path}[${i}]`, action));
    }
    if (actions.includes('Deny') && actions.includes('Warn'))
      errors.push(
        invalidValue(
          path,
          actions,
          'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
        ),
      );
    return errors;
  },
};

export const mutatingAdmissionPolicy: Kind<MutatingAdmissionPolicy> = {
  type: 'admissionregistration/v1.MutatingAdmissionPolicy',
  hasGeneration: true,
  defaults({ spec }) {
    if (!spec) return;
    spec.failurePolicy ??= 'Fail';
    spec.reinvocationPolicy ??= 'Never';
    defaultMatch(spec.matchConstraints);
  },
  prepareForUpdate(policy, old) {
    if (!sameValue(policy.spec, old.spec) && old.metadata.generation)
      policy.metadata.generation = old.metadata.generation + 1;
  },
  validate({ spec }) {
    const errors = sharedErrors(spec ?? {}, ['CREATE', 'UPDATE', 'CONNECT', '*']);
    const { mutations = [], reinvocationPolicy = 'Never' } = spec ?? {};
    if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'));
    for (const [i, mutation] of mutations.entries()) errors.push(...mutationErrors(mutation, `spec.mutations[${i}]`));
    if (!['Never', 'IfNeeded'].includes(reinvocationPolicy))
      errors.push(notSupported('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never']));
    return errors;
  },
};

export const mutatingAdmissionPolicyBinding: Kind<MutatingAdmissionPolicyBinding> = {
  type: 'admissionregistration/v1.MutatingAdmissionPolicyBinding',
  defaults: ({ spec }) => defaultMatch(spec?.matchResources),
  validate: ({ spec }) => bindingErrors(spec ?? {}),
};

function defaultMatch(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*';
}

type Spec = Pick<
  NonNullable<ValidatingAdmissionPolicy['spec']>,
  'failurePolicy' | 'paramKind' | 'matchConstraints' | 'variables' | 'matchConditions'
>;

/** What policies of both kinds have in common. */
function sharedErrors(spec: Spec, operations: string[]): Cause[] {
  const { failurePolicy = 'Fail', paramKind, matchConstraints, variables = [], matchConditions } = spec;
  const errors: Cause[] = [];
  if (!['Fail', 'Ignore'].includes(failurePolicy))
    errors.push(notSupported('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore']));
  if (paramKind) errors.push(...paramKindErrors(paramKind));
  if (!matchConstraints) errors.push(required('spec.matchConstraints'));
  else {
    if (!matchConstraints.resourceRules?.length) errors.push(required('spec.matchConstraints.resourceRules'));
    errors.push(...matchErrors(matchConstraints, 'spec.matchConstraints', operations));
  }
  errors.push(...matchConditionErrors(matchConditions, 'spec.matchConditions'));
  for (const [i, variable] of variables.entries())
    errors.push(...variableErrors(variable, variables.slice(0, i), `spec.variables[${i}]`));
  return errors;
}

function paramKindErrors({ apiVersion, kind }: ParamKind): Cause[] {
  const errors: Cause[] = [];
  if (!apiVersion) errors.push(required('spec.paramKind.apiVersion'));
  else if (apiVersion.split('/').length > 2)
    errors.push(invalidValue('spec.paramKind.apiVersion', apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  if (!kind) errors.push(required('spec.paramKind.kind'));
  return errors;
}

function matchErrors(match: MatchResources, path: string, operations: string[]): Cause[] {
  const errors: Cause[] = [];
  if (match.matchPolicy && !['Equivalent', 'Exact'].includes(match.matchPolicy))
    errors.push(notSupported(`${path}.matchPolicy`, match.matchPolicy, ['Equivalent', 'Exact']));
  for (const [i, rule] of (match.resourceRules ?? []).entries())
    errors.push(...namedRuleErrors(rule, `${path}.resourceRules[${i}]`, operations));
  for (const [i, rule] of (match.excludeResourceRules ?? []).entries())
    errors.push(...namedRuleErrors(rule, `${path}.excludeResourceRules[${i}]`, operations));
  return errors;
}

function namedRuleErrors(rule: NamedRuleWithOperations, path: string, supported: string[]): Cause[] {
  const errors: Cause[] = [];
  const { resourceNames = [], operations = [], apiGroups = [], apiVersions = [], resources = [] } = rule;
  for (const [i, name] of resourceNames.entries())
    if (resourceNames.indexOf(name) < i) errors.push(duplicate(`${path}.resourceNames[${i}]`, name));
  const lists: [string, string[]][] = Object.entries({ operations, apiGroups, apiVersions, resources });
  for (const [name, list] of lists) {
    const own = `${path}.${name}`;
    if (list.length === 0) errors.push(required(own));
    if (name !== 'resources' && list.length > 1 && list.includes('*'))
      errors.push(invalidValue(own, list, `if '*' is present, must not specify other ${ruleNames[name]}`));
  }
  for (const [i, operation] of operations.entries())
    if (!supported.includes(operation))
      errors.push(notSupported(`${path}.operations[${i}]`, operation, [...supported].sort()));
  return errors;
}

const ruleNames: Record<string, string> = {
  operations: 'operations',
  apiGroups: 'API groups',
  apiVersions: 'API versions',
};

function variableErrors({ name, expression }: Variable, before: Variable[], path: string): Cause[] {
  const errors: Cause[] = [];
  if (!name) errors.push(required(`${path}.name`, 'name is not specified'));
  else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name))
    errors.push(invalidValue(`${path}.name`, name, 'name is not a valid CEL identifier'));
  else if (before.some((one) => one.name === name)) errors.push(duplicate(`${path}.name`, name));
  if (!expression?.trim()) errors.push(required(`${path}.expression`, 'expression is not specified'));
  return errors;
}

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];

function validationErrors({ expression, message, messageExpression, reason }: Validation, path: string): Cause[] {
  const errors: Cause[] = [];
  if (!expression?.trim()) errors.push(required(`${path}.expression`, 'expression is not specified'));
  if (messageExpression !== undefined && messageExpression !== '' && !messageExpression.trim())
    errors.push(invalidValue(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  if (message && !message.trim())
    errors.push(invalidValue(`${path}.message`, message, 'message must be non-empty if specified'));
  else if (message?.trim().includes('\n'))
    errors.push(invalidValue(`${path}.message`, message, 'message must not contain line breaks'));
  else if (!message?.trim() && !messageExpression?.trim() && expression?.trim().includes('\n'))
    errors.push(required(`${path}.message`, 'message must be specified if expression contains line breaks'));
  if (reason && !reasons.includes(reason)) errors.push(notSupported(`${path}.reason`, reason, reasons));
  return errors;
}

const maxAuditAnnotations = 20;

function auditAnnotationErrors(annotations: readonly AuditAnnotation[] = [], policy: string): Cause[] {
  const errors: Cause[] = [];
  const path = 'spec.auditAnnotations';
  if (annotations.length > maxAuditAnnotations) errors.push(tooMany(path, annotations.length, maxAuditAnnotations));
  for (const [i, { key, valueExpression }] of annotations.entries()) {
    const own = `${path}[${i}]`;
    if (!key) errors.push(required(`${own}.key`));
    else errors.push(...invalidEach(`${own}.key`, key, qualifiedName(`${policy}/${key}`)));
    if (annotations.findIndex((one) => one.key === key) < i) errors.push(duplicate(`${own}.key`, key));
    if (!valueExpression?.trim()) errors.push(required(`${own}.valueExpression`, 'valueExpression must be specified'));
  }
  return errors;
}

const patchTypes = ['ApplyConfiguration', 'JSONPatch'];

function mutationErrors({ patchType, applyConfiguration, jsonPatch }: Mutation, path: string): Cause[] {
  if (!patchType) return [required(`${path}.patchType`)];
  if (!patchTypes.includes(patchType)) return [notSupported(`${path}.patchType`, patchType, patchTypes)];
  const [wanted, other] =
    patchType === 'JSONPatch'
      ? [
          { name: 'jsonPatch', value: jsonPatch },
          { name: 'applyConfiguration', value: applyConfiguration },
        ]
      : [
          { name: 'applyConfiguration', value: applyConfiguration },
          { name: 'jsonPatch', value: jsonPatch },
        ];
  const errors: Cause[] = [];
  if (!wanted.value)
    errors.push(required(`${path}.${wanted.name}`, `must be specified when patchType is ${patchType}`));
  else if (!wanted.value.expression?.trim())
    errors.push(required(`${path}.${wanted.name}.expression`, 'expression is not specified'));
  if (other.value)
    errors.push(forbiddenField(`${path}.${other.name}`, `must not be specified when patchType is ${patchType}`));
  return errors;
}

function bindingErrors({
  policyName,
  paramRef,
  matchResources,
}: NonNullable<ValidatingAdmissionPolicyBinding['spec']>) {
  const errors: Cause[] = [];
  if (!policyName) errors.push(required('spec.policyName'));
  else errors.push(...invalidEach('spec.policyName', policyName, dns1123Subdomain(policyName)));
  if (paramRef) errors.push(...paramRefErrors(paramRef));
  if (matchResources)
    errors.push(...matchErrors(matchResources, 'spec.matchResources', ['CREATE', 'UPDATE', 'DELETE', 'CONNECT', '*']));
  return errors;
}

function paramRefErrors({ name, selector, parameterNotFoundAction }: ParamRef): Cause[] {
  const errors: Cause[] = [];
  const path = 'spec.paramRef';
  if (name && selector)
    errors.push(
      forbiddenField(`${path}.name`, 'name and selector are mutually exclusive'),
      forbiddenField(`${path}.selector`, 'name and selector are mutually exclusive'),
    );
  if (!name && !selector) errors.push(required(path, 'one of name or selector must be specified'));
  if (!parameterNotFoundAction) errors.push(required(`${path}.parameterNotFoundAction`));
  else if (!['Allow', 'Deny'].includes(parameterNotFoundAction))
    errors.push(notSupported(`${path}.parameterNotFoundAction`, parameterNotFoundAction, ['Deny', 'Allow']));
  return errors;
}
