import type { ParamKind, ParamRef } from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf } from '../../api/resource.ts';
import { compileSelector } from '../../api/selectors.ts';
import type { AdmissionAttributes, ObjectReader } from '../request.ts';
import type { ServedResources } from '../resources.ts';

/**
 * The objects that a policy is to be evaluated with, one after the other; null where it takes none. Throws where there
 * must be one and is none (apiserver pkg/admission/plugin/policy/generic/policy_dispatcher.go CollectParams).
 */
export function paramsOf(
  kind: ParamKind | undefined,
  reference: ParamRef | undefined,
  attributes: AdmissionAttributes,
  { reader, resources }: { reader: ObjectReader; resources: ServedResources },
): (KubeObject | null)[] {
  if (!kind || !reference) return [null];
  const info = resources.all().find((one) => one.kind === kind.kind && apiVersionOf(one) === kind.apiVersion);
  if (!info) throw new Error(`paramKind kind \`${kind.apiVersion}, Kind=${kind.kind}\` not known`);
  if (!info.namespaced && reference.namespace)
    throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  const namespace = info.namespaced ? reference.namespace || attributes.namespace : '';
  if (info.namespaced && !namespace)
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  const matches = compileSelector(reference.selector);
  const found = reference.name
    ? [reader.get(info, namespace, reference.name)].filter((one) => one !== undefined)
    : reader.list(info, namespace || undefined).filter(({ metadata }) => matches(metadata.labels));
  if (found.length === 0 && reference.parameterNotFoundAction !== 'Allow')
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  return found;
}
