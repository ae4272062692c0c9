import type { MatchResources, ParamKind, ParamRef } from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Resource, ResourceInfo } from '../../api/resource.ts';
import type { AdmissionAttributes, Authorizer, ObjectReader } from '../request.ts';
import type { ServedResources } from '../resources.ts';
import { paramsOf } from './params.ts';
import { matchedInfo } from './policy-match.ts';

export interface PolicyContext {
  reader: ObjectReader;
  resources: ServedResources;
  authorizer: Authorizer;
}

/** What policies of both kinds have. */
export interface Policy extends KubeObject {
  spec?: { paramKind?: ParamKind; matchConstraints?: MatchResources; failurePolicy?: string };
}

export interface Binding extends KubeObject {
  spec?: { policyName?: string; paramRef?: ParamRef; matchResources?: MatchResources };
}

/** A policy that is to be applied, by one of its bindings and with one parameter. */
export interface Invocation<P, B> {
  policy: P;
  binding: B;
  /** The version in which it sees the objects. */
  info: ResourceInfo;
  params: KubeObject | null;
}

/** A binding with which a policy cannot be applied. */
export interface Misconfigured<P, B> {
  policy: P;
  binding: B;
  message: string;
}

/** Which policies of a kind apply to a request, in the order of names (apiserver pkg/admission/plugin/policy/generic). */
export function invocationsOf<P extends Policy, B extends Binding>(
  kinds: { policies: Resource<P>; bindings: Resource<B> },
  attributes: AdmissionAttributes,
  context: PolicyContext,
): { invocations: Invocation<P, B>[]; misconfigured: Misconfigured<P, B>[] } {
  const { reader } = context;
  const invocations: Invocation<P, B>[] = [];
  const misconfigured: Misconfigured<P, B>[] = [];
  const bindings = reader.list(kinds.bindings).sort(byName);
  for (const policy of reader.list(kinds.policies).sort(byName)) {
    const own = bindings.filter(({ spec }) => spec?.policyName === policy.metadata.name);
    const info = own.length > 0 ? matchedInfo(policy.spec?.matchConstraints, attributes, context) : undefined;
    if (!info) continue;
    for (const binding of own) {
      if (!matchedInfo(binding.spec?.matchResources, attributes, context)) continue;
      try {
        for (const params of paramsOf(policy.spec?.paramKind, binding.spec?.paramRef, attributes, context))
          invocations.push({ policy, binding, info, params });
      } catch (error) {
        misconfigured.push({ policy, binding, message: `failed to configure binding: ${(error as Error).message}` });
      }
    }
  }
  return { invocations, misconfigured };
}

const byName = (a: KubeObject, b: KubeObject) => (a.metadata.name < b.metadata.name ? -1 : 1);
