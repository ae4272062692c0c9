import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { builtin, namespaces } from '../../api/resource.ts';
import { forbidden, type StatusError } from '../../api/status-error.ts';
import type { AdmissionAttributes, AdmissionPlugin, Authorizer, ObjectReader } from '../request.ts';
import type { ServedResources } from '../resources.ts';
import { convertTo } from '../webhooks/equivalents.ts';
import { paramsOf } from './params.ts';
import { matchedInfo } from './policy-match.ts';

const group = 'admissionregistration.k8s.io';
const policies = builtin<ValidatingAdmissionPolicy>(group, 'v1', 'validatingadmissionpolicies');
const bindings = builtin<ValidatingAdmissionPolicyBinding>(group, 'v1', 'validatingadmissionpolicybindings');

export interface PolicyContext {
  reader: ObjectReader;
  resources: ServedResources;
  authorizer: Authorizer;
}

/** Judges requests by policies written in CEL (KEP-3488; apiserver pkg/admission/plugin/policy/validating). */
export function validatingPolicies(context: PolicyContext): AdmissionPlugin {
  const { reader } = context;
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: ({ resource }) => resource.group !== group && reader.list(bindings).length > 0,
    async validate(attributes) {
      for (const binding of reader.list(bindings)) {
        const policy = reader.get(policies, '', binding.spec?.policyName ?? '');
        if (policy) await judge(context, policy, binding, attributes);
      }
    },
  };
}

interface Failure {
  message: string;
  reason: string;
}

async function judge(
  context: PolicyContext,
  policy: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  attributes: AdmissionAttributes,
): Promise<void> {
  const info = matchedInfo(policy.spec?.matchConstraints, attributes, context);
  if (!info || !matchedInfo(binding.spec?.matchResources, attributes, context)) return;
  const failures: Failure[] = [];
  try {
    const { resources } = context;
    const subject = {
      attributes,
      info,
      object: await convertTo(resources, attributes.object, attributes.resource, info),
      oldObject: await convertTo(resources, attributes.oldObject, attributes.resource, info),
    };
    for (const params of paramsOf(policy.spec?.paramKind, binding.spec?.paramRef, attributes, context))
      failures.push(...(await evaluatePolicy(context, policy, subject, params)));
  } catch (error) {
    if (policy.spec?.failurePolicy !== 'Ignore')
      failures.push({ message: (error as Error).message, reason: 'Invalid' });
  }
  const title = `'${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  const actions = binding.spec?.validationActions ?? ['Deny'];
  if (actions.includes('Warn'))
    for (const { message } of failures)
      attributes.warn(`Validation failed for ValidatingAdmissionPolicy ${title}: ${message}`);
  const [first] = failures;
  if (first && actions.includes('Deny')) throw denial(attributes, title, first);
}

async function evaluatePolicy(
  { reader, authorizer }: PolicyContext,
  { spec = {} }: ValidatingAdmissionPolicy,
  subject: Parameters<typeof import('./expressions.ts').variablesOf>[0],
  params: KubeObject | null,
): Promise<Failure[]> {
  const { evaluateExpression, variablesOf } = await import('./expressions.ts');
  const { allHold } = await import('./match-conditions.ts');
  const { toCel } = await import('../../api/cel/values.ts');
  const { attributes } = subject;
  const namespace = attributes.namespace ? reader.get(namespaces, '', attributes.namespace) : undefined;
  const variables = variablesOf(subject, authorizer);
  variables.params = toCel(params);
  variables.namespaceObject = toCel(namespace ?? null);
  if (!(await allHold(spec.matchConditions ?? [], variables))) return [];
  const own: Record<string, unknown> = {};
  variables.variables = own;
  for (const { name, expression } of spec.variables ?? []) {
    try {
      own[name] = await evaluateExpression(expression, variables);
    } catch {
      // It counts only for those who use it: they find it missing.
    }
  }
  const failures: Failure[] = [];
  for (const validation of spec.validations ?? []) {
    try {
      const value = await evaluateExpression(validation.expression, variables);
      if (value !== true)
        failures.push({ message: await messageOf(validation), reason: validation.reason ?? 'Invalid' });
    } catch (error) {
      if (spec.failurePolicy === 'Ignore') continue;
      const message = `expression '${validation.expression}' resulted in error: ${(error as Error).message}`;
      failures.push({ message, reason: 'Invalid' });
    }
  }
  return failures;

  async function messageOf({ message, messageExpression, expression }: Validation): Promise<string> {
    if (messageExpression) {
      try {
        const text = await evaluateExpression(messageExpression, variables);
        if (typeof text === 'string' && text.trim() && !text.includes('\n')) return text.trim();
      } catch {
        // Then the plain message.
      }
    }
    return message?.trim() || `failed expression: ${expression.trim()}`;
  }
}

const codes: Record<string, number> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413, Invalid: 422 };

function denial(
  { resource, name, object }: AdmissionAttributes,
  title: string,
  { message, reason }: Failure,
): StatusError {
  const why = `ValidatingAdmissionPolicy ${title} denied request: ${message}`;
  const error = forbidden(resource, name || (object?.metadata?.name ?? 'Unknown'), why);
  error.status.reason = reason;
  error.status.code = codes[reason] ?? 422;
  if (error.status.details) error.status.details.causes = [{ message: why }];
  return error;
}
