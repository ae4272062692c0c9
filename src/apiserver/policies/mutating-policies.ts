import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
} from '../../api/generated/admissionregistration-v1.ts';
import { builtin } from '../../api/resource.ts';
import { forbidden, type StatusError } from '../../api/status-error.ts';
import { Reinvocations } from '../reinvocation.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../request.ts';
import { convertTo } from '../webhooks/equivalents.ts';
import { replaceObject } from '../webhooks/replace-object.ts';
import { type Invocation, invocationsOf, type PolicyContext } from './invocations.ts';

const group = 'admissionregistration.k8s.io';
const policies = builtin<MutatingAdmissionPolicy>(group, 'v1', 'mutatingadmissionpolicies');
const bindings = builtin<MutatingAdmissionPolicyBinding>(group, 'v1', 'mutatingadmissionpolicybindings');

type Applied = Invocation<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>;
type Failure = Pick<Applied, 'policy' | 'binding'> & { message: string };

/** Changes objects by policies written in CEL (KEP-3962; apiserver pkg/admission/plugin/policy/mutating). */
export function mutatingPolicies(context: PolicyContext): AdmissionPlugin {
  const { reader } = context;
  const reinvocations = new Reinvocations<string>();
  const apply = async (attributes: AdmissionAttributes, wanted: (key: string) => boolean) => {
    const { invocations, misconfigured } = invocationsOf({ policies, bindings }, attributes, context);
    const failures: Failure[] = [...misconfigured];
    const reinvocation = reinvocations.of(attributes);
    for (const invocation of invocations) {
      const key = keyOf(invocation);
      if (!wanted(key)) continue;
      const before = JSON.stringify(attributes.object);
      const { applies, problems } = await invoke(context, invocation, attributes);
      failures.push(...problems.map((message) => ({ ...invocation, message })));
      if (!applies) continue;
      const again = invocation.policy.spec.reinvocationPolicy === 'IfNeeded';
      reinvocation.note(key, JSON.stringify(attributes.object) !== before, again);
    }
    reinvocation.leave(attributes.object);
    const fatal = failures.filter(({ policy }) => policy.spec.failurePolicy !== 'Ignore');
    if (fatal.length > 0) throw refusal(attributes, fatal);
  };
  return {
    name: 'MutatingAdmissionPolicy',
    handles: ({ resource, object }) =>
      resource.group !== group && object !== undefined && reader.list(bindings).length > 0,
    admit: (attributes) => apply(attributes, () => true),
    readmit(attributes) {
      const reinvocation = reinvocations.of(attributes);
      reinvocation.comeBack(attributes.object);
      return apply(attributes, (key) => reinvocation.isDue(key));
    },
  };
}

function keyOf({ policy, binding, params }: Applied): string {
  const { namespace = '', name = '' } = params?.metadata ?? {};
  return [policy.metadata.name, binding.metadata.name, namespace, name].join(' ');
}

/** Applies the mutations of a policy, one after the other: each sees what those before it have done. */
async function invoke(
  context: PolicyContext,
  { policy, info, params }: Applied,
  attributes: AdmissionAttributes,
): Promise<{ applies: boolean; problems: string[] }> {
  const { resources } = context;
  const problems: string[] = [];
  // With the first policy comes the compiler.
  const { Budget } = await import('./expressions.ts');
  const { requestBudget } = await import('../../api/cel/meter.ts');
  const { mutated } = await import('./mutate.ts');
  const { PolicyEvaluation } = await import('./policy-evaluation.ts');
  const budget = new Budget(requestBudget);
  const oldObject = await convertTo(resources, attributes.oldObject, attributes.resource, info);
  const evaluationNow = async () => {
    const object = await convertTo(resources, attributes.object, attributes.resource, info);
    const subject = { attributes, info, object, oldObject };
    return { object: object!, evaluation: new PolicyEvaluation(policy.spec, subject, params, context, budget) };
  };
  try {
    if (!(await (await evaluationNow()).evaluation.matches())) return { applies: false, problems };
  } catch (error) {
    return { applies: false, problems: [(error as Error).message] };
  }
  for (const mutation of policy.spec.mutations ?? []) {
    const { object, evaluation } = await evaluationNow();
    try {
      const changed = await mutated(mutation, object, evaluation, resources.get(info)!.strategy.schema);
      if (changed) await replaceObject(resources, attributes, changed, info);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { applies: true, problems };
}

function refusal({ resource, name, object }: AdmissionAttributes, failures: Failure[]): StatusError {
  const messages = failures.map(
    ({ policy, binding, message }) =>
      `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: ${message}`,
  );
  const error = forbidden(resource, name || (object?.metadata?.name ?? 'Unknown'), '');
  error.status.message = messages[0]!;
  if (error.status.details) error.status.details.causes = messages.map((message) => ({ message }));
  return error;
}
