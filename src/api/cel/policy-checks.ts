import type { Environment } from '@marcbachmann/cel-js';
import type {
  MatchCondition,
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
  Variable,
} from '../generated/admissionregistration-v1.ts';
import type { Cause } from '../status-error.ts';
import { invalidValue } from '../validation/field-error.ts';
import { authorizerType, registerAuthorizer } from './authorizer.ts';
import { newEnvironment } from './load.ts';
import { registerObjects } from './objects.ts';
import { compilationProblem } from './problems.ts';
import { rewriteLiterals } from './rewrite-literals.ts';

/** A kind that a policy is about: how warnings name it, and how its type is declared. */
export interface CheckedType {
  /** Group, version and kind as Go prints them. */
  title: string;
  /** Registers the type in an environment, answers with its name there. */
  declare(environment: Environment): string;
}

/** What an expression may refer to. */
interface Scope {
  /** The type of object and oldObject. */
  object: CheckedType;
  /** Undefined where there are no params. */
  params: CheckedType | undefined;
  hasAuthorizer: boolean;
  hasNamespace: boolean;
  variables: readonly Variable[];
}

/** Any type: nothing is known of it before there is a request. */
const anything: CheckedType = { title: '', declare: () => 'dyn' };

const groupVersionKind = { group: 'string', version: 'string', kind: 'string' };
const groupVersionResource = { group: 'string', version: 'string', resource: 'string' };
const typePrefix = 'kubernetes.';

/** Types of what every expression sees (apiserver pkg/admission/plugin/cel/compile.go BuildRequestType, BuildNamespaceType). */
const sharedTypes: Record<string, Record<string, string>> = {
  GroupVersionKind: groupVersionKind,
  GroupVersionResource: groupVersionResource,
  UserInfo: { username: 'string', uid: 'string', groups: 'list<string>', extra: 'map<string, list<string>>' },
  AdmissionRequest: {
    kind: `${typePrefix}GroupVersionKind`,
    resource: `${typePrefix}GroupVersionResource`,
    subResource: 'string',
    requestKind: `${typePrefix}GroupVersionKind`,
    requestResource: `${typePrefix}GroupVersionResource`,
    requestSubResource: 'string',
    name: 'string',
    namespace: 'string',
    operation: 'string',
    userInfo: `${typePrefix}UserInfo`,
    dryRun: 'bool',
    options: 'dyn',
  },
  NamespaceMetadata: {
    name: 'string',
    generateName: 'string',
    namespace: 'string',
    labels: 'map<string, string>',
    annotations: 'map<string, string>',
    UID: 'string',
    creationTimestamp: 'google.protobuf.Timestamp',
    deletionGracePeriodSeconds: 'int',
    deletionTimestamp: 'google.protobuf.Timestamp',
    generation: 'int',
    resourceVersion: 'string',
    finalizers: 'list<string>',
  },
  NamespaceSpec: { finalizers: 'list<string>' },
  NamespaceStatus: { phase: 'string' },
  Namespace: {
    metadata: `${typePrefix}NamespaceMetadata`,
    spec: `${typePrefix}NamespaceSpec`,
    status: `${typePrefix}NamespaceStatus`,
  },
};

function environmentOf(scope: Scope): Environment {
  const environment = registerObjects(registerAuthorizer(newEnvironment()));
  for (const [name, fields] of Object.entries(sharedTypes)) environment.registerType(typePrefix + name, { fields });
  const object = scope.object.declare(environment);
  environment
    .registerVariable('object', object)
    .registerVariable('oldObject', object)
    .registerVariable('request', `${typePrefix}AdmissionRequest`);
  if (scope.hasNamespace) environment.registerVariable('namespaceObject', `${typePrefix}Namespace`);
  if (scope.params) environment.registerVariable('params', scope.params.declare(environment));
  if (scope.hasAuthorizer) environment.registerVariable('authorizer', authorizerType);
  return withVariables(environment, scope.variables);
}

/** Each variable has the type of its expression, which knows those before it. */
function withVariables(base: Environment, variables: readonly Variable[]): Environment {
  const fields: Record<string, string> = {};
  const named = () => {
    const environment = base.clone();
    if (Object.keys(fields).length === 0) return environment;
    environment.registerType(`${typePrefix}variables`, { fields: { ...fields } });
    return environment.registerVariable('variables', `${typePrefix}variables`);
  };
  for (const { name, expression } of variables) fields[name] = typeOf(named(), expression) ?? 'dyn';
  return named();
}

function typeOf(environment: Environment, expression: string): string | undefined {
  try {
    const { valid, type } = environment.check(rewriteLiterals(expression, { messages: true }).text);
    return valid && type !== 'list' && type !== 'map' ? type : undefined;
  } catch {
    return undefined;
  }
}

/** Why an expression cannot be compiled, or is not of the type that is wanted. */
function problemOf(environment: Environment, expression: string, wanted?: readonly string[]): string | undefined {
  try {
    const { text, original } = rewriteLiterals(expression, { messages: true });
    const { valid, type = 'dyn', error } = environment.check(text);
    if (!valid) return compilationProblem(error, expression, original);
    if (!wanted || type === 'dyn' || wanted.includes(type)) return undefined;
    return wanted.length === 1
      ? `must evaluate to ${shownType(wanted[0]!)}`
      : `must evaluate to one of [${wanted.map(shownType).join(' ')}]`;
  } catch (error) {
    return compilationProblem(error, expression);
  }
}

const shownType = (type: string) => (type === 'null' ? 'null_type' : type);

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;

/** What is wrong with the expressions of a policy of either kind (pkg/apis/admissionregistration/validation). */
export function policyExpressionErrors({ spec }: Policy): Cause[] {
  const errors: Cause[] = [];
  const { variables = [], matchConditions = [], paramKind } = spec ?? {};
  const scope: Scope = {
    object: anything,
    params: paramKind && anything,
    hasAuthorizer: true,
    hasNamespace: true,
    variables,
  };
  const full = environmentOf(scope);
  const check = (environment: Environment, path: string, expression: string | undefined, wanted?: string[]) => {
    const problem = expression?.trim() ? problemOf(environment, expression, wanted) : undefined;
    if (problem) errors.push(invalidValue(path, expression, problem));
  };
  for (const [i, { expression }] of variables.entries())
    check(environmentOf({ ...scope, variables: variables.slice(0, i) }), `spec.variables[${i}].expression`, expression);
  const conditions = environmentOf({ ...scope, hasNamespace: false, variables: [] });
  for (const [i, { expression }] of matchConditions.entries())
    check(conditions, `spec.matchConditions[${i}].expression`, expression, ['bool']);
  const { validations = [], auditAnnotations = [] } = (spec ?? {}) as NonNullable<ValidatingAdmissionPolicy['spec']>;
  const { mutations = [] } = (spec ?? {}) as Partial<MutatingAdmissionPolicy['spec']>;
  const plain = validations.length + auditAnnotations.length > 0 && environmentOf({ ...scope, hasAuthorizer: false });
  for (const [i, { expression, messageExpression }] of validations.entries()) {
    check(full, `spec.validations[${i}].expression`, expression, ['bool']);
    if (plain) check(plain, `spec.validations[${i}].messageExpression`, messageExpression, ['string']);
  }
  for (const [i, { valueExpression }] of auditAnnotations.entries())
    if (plain) check(plain, `spec.auditAnnotations[${i}].valueExpression`, valueExpression, ['string', 'null']);
  for (const [i, { applyConfiguration, jsonPatch }] of mutations.entries()) {
    check(full, `spec.mutations[${i}].applyConfiguration.expression`, applyConfiguration?.expression, ['Object']);
    check(full, `spec.mutations[${i}].jsonPatch.expression`, jsonPatch?.expression, [
      'list<JSONPatch>',
      'list',
      'list<T>',
    ]);
  }
  return errors;
}

/** What is wrong with the match conditions of webhooks. */
export function matchConditionExpressionErrors(webhooks: readonly { matchConditions?: MatchCondition[] }[]): Cause[] {
  const errors: Cause[] = [];
  const scope = { object: anything, params: undefined, hasAuthorizer: true, hasNamespace: false, variables: [] };
  const environment = environmentOf(scope);
  for (const [i, { matchConditions = [] }] of webhooks.entries())
    for (const [j, { expression }] of matchConditions.entries()) {
      const problem = expression?.trim() ? problemOf(environment, expression, ['bool']) : undefined;
      const path = `webhooks[${i}].matchConditions[${j}].expression`;
      if (problem) errors.push(invalidValue(path, expression, problem));
    }
  return errors;
}

/** What type checking says of a policy's validations, for its status (apiserver policy/validating/typechecking.go). */
export function expressionWarnings(
  { spec = {} }: ValidatingAdmissionPolicy,
  types: readonly CheckedType[],
  params: CheckedType | undefined,
): { fieldRef: string; warning: string }[] {
  const environments = types.map((object) => {
    const { paramKind, variables = [] } = spec;
    const scope = {
      object,
      params: params ?? (paramKind && anything),
      hasAuthorizer: true,
      hasNamespace: true,
      variables,
    };
    return { title: object.title, environment: environmentOf(scope) };
  });
  const warn = (fieldRef: string, expression: string | undefined) => {
    if (!expression) return [];
    const problems = environments.flatMap(({ title, environment }) => {
      const problem = problemOf(environment, expression);
      return problem ? [`${title}: ${problem.replace(/^compilation failed: /, '')}\n`] : [];
    });
    return problems.length > 0 ? [{ fieldRef, warning: problems.join('\n') }] : [];
  };
  return (spec.validations ?? []).flatMap(({ expression, messageExpression }, i) => [
    ...warn(`spec.validations[${i}].expression`, expression),
    ...warn(`spec.validations[${i}].messageExpression`, messageExpression),
  ]);
}
