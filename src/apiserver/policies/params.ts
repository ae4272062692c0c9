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
  if (!kind) return [null];
  if (!reference) return [null];
  const info = resources.all().find((one) => one.kind === kind.kind && apiVersionOf(one) === kind.apiVersion);
  if (!info) throw new Error(`paramKind kind \`${kind.apiVersion}, Kind=${kind.kind}\` not known`);
  const namespace = info.namespaced ? reference.namespace || attributes.namespace : '';
  if (info.namespaced && !namespace)
    throw new Error(
      'failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    );
  const found = reference.name
    ? [reader.get(info, namespace, reference.name)].filter((one) => one !== undefined)
    : reader
        .list(info, namespace || undefined)
        .filter(({ metadata }) => compileSelector(reference.selector)(metadata.labels));
  if (found.length > 0) return found;
  if (reference.parameterNotFoundAction === 'Allow') return [];
  throw new Error(
    'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
  );
}
