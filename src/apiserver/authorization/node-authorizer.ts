import type { PodCertificateRequest } from '../../api/generated/certificates-v1beta1.ts';
import type { PolicyRule } from '../../api/generated/rbac-v1.ts';
import { builtin, persistentVolumeClaims, persistentVolumes, pods, volumeAttachments } from '../../api/resource.ts';
import { groups } from '../authentication/groups.ts';
import type { ObjectReader, RequestInfo, UserInfo } from '../request.ts';
import type { Decision } from './decision.ts';
import { podReferences } from './pod-references.ts';
import { ruleAllows } from './rules.ts';

const podCertificateRequests = builtin<PodCertificateRequest>(
  'certificates.k8s.io',
  'v1beta1',
  'podcertificaterequests',
);
const nodeUserPrefix = 'system:node:';

/** The node whose kubelet this user is, undefined for other users (pkg/auth/nodeidentifier). */
export function nodeOfUser(user: UserInfo): string | undefined {
  if (!user.name.startsWith(nodeUserPrefix) || !user.groups.includes(groups.nodes)) return undefined;
  return user.name.slice(nodeUserPrefix.length);
}

const refuse = (reason: string): Decision => ({ allowed: false, reason });
const allow: Decision = { allowed: true, reason: '' };

/**
 * Lets a kubelet read what the Pods bound to its node refer to, and no more (plugin/pkg/auth/authorizer/node). What
 * cannot be told by node follows `nodeRules`.
 */
export function createNodeAuthorizer(reader: ObjectReader, nodeRules: PolicyRule[]) {
  return (user: UserInfo, request: RequestInfo): Decision => {
    const node = nodeOfUser(user);
    if (node === undefined) return refuse('');
    if (!node) return refuse(`unknown node for user "${user.name}"`);
    const special = request.isResourceRequest && byResource[`${request.group}/${request.resource}`];
    if (special) return special({ node, request, reader });
    return nodeRules.some((rule) => ruleAllows(rule, request)) ? allow : refuse('');
  };
}

interface Question {
  node: string;
  request: RequestInfo;
  reader: ObjectReader;
}

const byResource: Record<string, (question: Question) => Decision> = {
  '/secrets': (question) => readReferenced(question, () => isReferenced(question) || isSecretOfVolume(question)),
  '/configmaps': (question) => readReferenced(question, () => isReferenced(question)),
  '/persistentvolumeclaims': (question) => {
    if (question.request.subresource !== 'status') return getRelated(question, () => isReferenced(question));
    if (question.request.verb !== 'update' && question.request.verb !== 'patch') {
      return refuse('can only get/update/patch this type');
    }
    return related(question, isReferenced(question));
  },
  '/persistentvolumes': (question) => getRelated(question, () => isBoundVolume(question)),
  '/serviceaccounts': (question) => {
    const { verb, name, subresource } = question.request;
    // Whose certificate a Pod asks for (KEP-4317).
    if (verb === 'get' && !subresource) return getRelated(question, () => isReferenced(question));
    if (verb !== 'create' || !name) return refuse('can only create tokens for individual service accounts');
    if (subresource !== 'token') return refuse('can only create token subresource of serviceaccount');
    return related(question, isReferenced(question));
  },
  'coordination.k8s.io/leases': ({ node, request }) => {
    if (!ownObjectVerbs.includes(request.verb)) {
      return refuse('can only get, create, update, patch, or delete a node lease');
    }
    if (request.namespace !== 'kube-node-lease') {
      return refuse('can only access leases in the "kube-node-lease" system namespace');
    }
    // The name of a new object is unknown here: the NodeRestriction admission plugin checks it.
    if (request.verb !== 'create' && request.name !== node) {
      return refuse('can only access node lease with the same name as the requesting node');
    }
    return allow;
  },
  'storage.k8s.io/csinodes': ({ node, request }) => {
    if (!ownObjectVerbs.includes(request.verb)) {
      return refuse('can only get, create, update, patch, or delete a CSINode');
    }
    if (request.subresource) return refuse('cannot authorize CSINode subresources');
    if (request.verb !== 'create' && request.name !== node) {
      return refuse('can only access CSINode with the same name as the requesting node');
    }
    return allow;
  },
  'certificates.k8s.io/podcertificaterequests': (question) => {
    const { verb, subresource, fieldSelector = '' } = question.request;
    if (subresource) return refuse('nodes may not access subresources of PodCertificateRequests');
    // Whether the Pod is on the node is seen by the NodeRestriction admission plugin.
    if (verb === 'create') return allow;
    if (verb === 'list' || verb === 'watch') {
      const own = fieldSelector.split(',').some((term) => /^spec\.nodeName==?(.*)$/.exec(term)?.[1] === question.node);
      return own ? allow : refuse('can only list/watch PodCertificateRequests with field selector spec.nodeName');
    }
    return getRelated(question, () => {
      const { namespace, name } = question.request;
      return question.reader.get(podCertificateRequests, namespace, name)?.spec.nodeName === question.node;
    });
  },
  'storage.k8s.io/volumeattachments': (question) =>
    getRelated(question, () => {
      const attachment = question.reader.get(volumeAttachments, '', question.request.name);
      return attachment?.spec.nodeName === question.node;
    }),
  'resource.k8s.io/resourceclaims': (question) => getRelated(question, () => isReferenced(question)),
};

const ownObjectVerbs = ['get', 'create', 'update', 'patch', 'delete'];

function readReferenced(question: Question, isRelated: () => boolean): Decision {
  const { verb, subresource, namespace, name } = question.request;
  if (!['get', 'list', 'watch'].includes(verb)) return refuse('can only read resources of this type');
  if (subresource) return refuse('cannot read subresource');
  if (!namespace) return refuse('can only read namespaced object of this type');
  if (!name) return refuse('No Object name found');
  return related(question, isRelated());
}

function getRelated(question: Question, isRelated: () => boolean): Decision {
  if (question.request.verb !== 'get') return refuse('can only get individual resources of this type');
  if (question.request.subresource) return refuse('cannot get subresource');
  if (!question.request.name) return refuse('No Object name found');
  return related(question, isRelated());
}

function related({ node }: Question, isRelated: boolean): Decision {
  return isRelated ? allow : refuse(`no relationship found between node '${node}' and this object`);
}

/** Whether a Pod of the node, in the request's namespace, refers to the object that is asked for. */
function isReferenced({ node, request, reader }: Question): boolean {
  const wanted = `${request.resource}/${request.name}`;
  return reader
    .list(pods, request.namespace)
    .some((pod) => pod.spec?.nodeName === node && podReferences(pod).has(wanted));
}

/** Whether a CSI volume that a Pod of the node uses refers to the secret (graph.go AddPV). */
function isSecretOfVolume({ node, request, reader }: Question): boolean {
  const { namespace, name } = request;
  return reader.list(persistentVolumes).some(({ metadata, spec }) => {
    const { nodePublishSecretRef, nodeStageSecretRef, nodeExpandSecretRef } = spec?.csi ?? {};
    const isNamed = [nodePublishSecretRef, nodeStageSecretRef, nodeExpandSecretRef].some(
      (reference) => reference?.name === name && reference.namespace === namespace,
    );
    return isNamed && isBoundVolume({ node, reader, request: { ...request, name: metadata.name } });
  });
}

/** Whether a claim that a Pod of the node refers to is bound to the volume that is asked for. */
function isBoundVolume({ node, request, reader }: Question): boolean {
  const claims = reader.list(persistentVolumeClaims).filter((claim) => claim.spec?.volumeName === request.name);
  return claims.some((claim) =>
    isReferenced({
      node,
      reader,
      request: {
        ...request,
        resource: 'persistentvolumeclaims',
        namespace: claim.metadata.namespace ?? '',
        name: claim.metadata.name,
      },
    }),
  );
}
