import type { TokenRequest } from '../../api/generated/authentication-v1.ts';
import { pods, serviceAccounts } from '../../api/resource.ts';
import { forbidden, notFound } from '../../api/status-error.ts';
import { nodeOfUser } from '../authorization/node-authorizer.ts';
import type { ObjectReader, UserInfo } from '../request.ts';

/** A kubelet gets tokens only for Pods on its node, bound to them (plugin/pkg/admission/noderestriction admitServiceAccount). */
export function checkNodeTokenRequest(
  request: TokenRequest,
  at: { namespace: string; name: string; user: UserInfo },
  reader: ObjectReader,
): void {
  const node = nodeOfUser(at.user);
  if (node === undefined) return;
  const refuse = (why: string) => forbidden(serviceAccounts, at.name, why);
  const reference = request.spec?.boundObjectRef;
  if (reference?.apiVersion !== 'v1' || reference.kind !== 'Pod' || !reference.name) {
    throw refuse('node requested token not bound to a pod');
  }
  if (!reference.uid) throw refuse('node requested token with a pod binding without a uid');
  const pod = reader.get(pods, at.namespace, reference.name);
  if (!pod) throw notFound(pods, reference.name);
  if (pod.metadata.uid !== reference.uid) {
    throw refuse(
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec?.nodeName !== node) {
    throw refuse('node requested token bound to a pod scheduled on a different node');
  }
}
