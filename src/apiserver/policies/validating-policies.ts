import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../api/generated/admissionregistration-v1.ts';
import { builtin } from '../../api/resource.ts';
import { forbidden, type StatusError } from '../../api/status-error.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../request.ts';
import type { Subject } from '../webhooks/admission-review.ts';
import { convertTo } from '../webhooks/equivalents.ts';
import { type Invocation, invocationsOf, type PolicyContext } from './invocations.ts';
import type { Decision, Judgement } from './judge-policy.ts';

const group = 'admissionregistration.k8s.io';
const policies = builtin<ValidatingAdmissionPolicy>(group, 'v1', 'validatingadmissionpolicies');
const bindings = builtin<ValidatingAdmissionPolicyBinding>(group, 'v1', 'validatingadmissionpolicybindings');

type Policy = ValidatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding;

/** A decision that refuses the request. */
interface Denial {
  policy: Policy;
  binding: Binding;
  message: string;
  reason?: string;
}

/** An annotation's value may be so long. */
const maxAnnotationLength = 10 * 1024;

/** Judges requests by policies written in CEL (KEP-3488; apiserver pkg/admission/plugin/policy/validating). */
export function validatingPolicies(context: PolicyContext): AdmissionPlugin {
  const { reader } = context;
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: ({ resource }) => resource.group !== group && reader.list(bindings).length > 0,
    async validate(attributes) {
      const { invocations, misconfigured } = invocationsOf({ policies, bindings }, attributes, context);
      const denials: Denial[] = misconfigured.filter(({ policy }) => policy.spec?.failurePolicy !== 'Ignore');
      const annotations = new Annotations();
      for (const invocation of invocations) {
        const judgement = await judge(context, invocation, attributes);
        denials.push(...denialsOf(judgement, invocation, attributes));
        for (const { key, value } of judgement.annotations)
          annotations.add(invocation.policy.metadata.name, key, value);
      }
      annotations.publish(attributes);
      if (denials[0]) throw refusal(attributes, denials[0]);
    },
  };
}

async function judge(
  context: PolicyContext,
  { policy, info, params }: Invocation<Policy, Binding>,
  attributes: AdmissionAttributes,
): Promise<Judgement> {
  const { resources } = context;
  const subject: Subject = {
    attributes,
    info,
    object: await convertTo(resources, attributes.object, attributes.resource, info),
    oldObject: await convertTo(resources, attributes.oldObject, attributes.resource, info),
  };
  // With the first policy comes the compiler.
  const { judgePolicy } = await import('./judge-policy.ts');
  return judgePolicy(policy.spec ?? {}, subject, params, context);
}

/** Does with the decisions of a policy what its binding says: refuses, warns, tells the audit log. */
function denialsOf(
  { decisions }: Judgement,
  { policy, binding }: Invocation<Policy, Binding>,
  attributes: AdmissionAttributes,
): Denial[] {
  const denials: Denial[] = [];
  for (const decision of decisions) {
    if (decision.always) denials.push({ policy, binding, ...decision });
    else
      for (const action of binding.spec?.validationActions ?? [])
        if (action === 'Deny') denials.push({ policy, binding, ...decision });
        else if (action === 'Warn')
          attributes.warn(
            `Validation failed for ValidatingAdmissionPolicy ${title(policy, binding)}: ${decision.message}`,
          );
        else publishFailure(binding, decision, attributes);
  }
  return denials;
}

function publishFailure({ metadata, spec }: Binding, { message, index }: Decision, attributes: AdmissionAttributes) {
  const failure = {
    message,
    policy: spec?.policyName,
    binding: metadata.name,
    expressionIndex: index,
    validationActions: spec?.validationActions,
  };
  attributes.annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify([failure]));
}

/** Audit annotations of all bindings, by their full keys. */
class Annotations {
  readonly #values = new Map<string, Set<string>>();

  add(policy: string, key: string, value: string): void {
    const name = `${policy}/${key}`;
    const values = this.#values.get(name) ?? new Set();
    this.#values.set(name, values.add(value.slice(0, maxAnnotationLength)));
  }

  publish(attributes: AdmissionAttributes): void {
    for (const [key, values] of this.#values) attributes.annotate(key, [...values].join(', '));
  }
}

const title = (policy: Policy, binding: Binding) => `'${policy.metadata.name}' with binding '${binding.metadata.name}'`;

const codes: Record<string, number> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413, Invalid: 422 };

function refusal(
  { resource, name, object }: AdmissionAttributes,
  { policy, binding, message, reason = 'Invalid' }: Denial,
): StatusError {
  const why = `ValidatingAdmissionPolicy ${title(policy, binding)} denied request: ${message}`;
  const error = forbidden(resource, name || (object?.metadata?.name ?? 'Unknown'), why);
  error.status.reason = reason;
  error.status.code = codes[reason] ?? 422;
  if (error.status.details) error.status.details.causes = [{ message: why }];
  return error;
}
