import { typeFacts } from '../facts.ts';
import { apiVersionOf, builtinResources } from '../resource.ts';

/** The facts type of an apiVersion and kind, such as 'rbac/v1.Role'; undefined for what has none (custom resources). */
export function typeByKind(apiVersion: string, kind: string): string | undefined {
  const folder = folders.get(apiVersion);
  const own = folder && `${folder}.${kind}`;
  if (own && typeFacts(own)) return own;
  // Options, Status and the like are accepted in every group and version (metav1.AddToGroupVersion).
  const meta = `meta/v1.${kind}`;
  return typeFacts(meta) ? meta : undefined;
}

/** 'rbac.authorization.k8s.io/v1' to 'rbac/v1'. */
const folders = new Map<string, string>([
  ['admission.k8s.io/v1', 'admission/v1'],
  ['apidiscovery.k8s.io/v2', 'apidiscovery/v2'],
]);
for (const info of builtinResources) {
  if (info.type) folders.set(apiVersionOf(info), info.type.slice(0, info.type.indexOf('.')));
}
