import { isDeepStrictEqual } from 'node:util';
import type { PodCertificateRequest } from '../../api/generated/certificates-v1beta1.ts';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { nodes, pods, serviceAccounts } from '../../api/resource.ts';
import { notFound } from '../../api/status-error.ts';
import { nodeOfUser } from '../authorization/node-authorizer.ts';
import { collectPodReferences } from '../authorization/pod-references.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { refuse } from './refuse.ts';
import { mirrorAnnotation } from './service-account.ts';

interface Question {
  node: string;
  attributes: AdmissionAttributes;
  reader: ObjectReader;
}

/**
 * A kubelet changes its own node and the Pods bound to it, nothing else (plugin/pkg/admission/noderestriction). Tokens,
 * which are not stored, are judged in authentication/node-token-request.ts.
 */
export function nodeRestriction(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    handles: ({ user, resource, subresource }) =>
      nodeOfUser(user) !== undefined && checkOf(resource, subresource) !== undefined,
    async admit(attributes) {
      const node = nodeOfUser(attributes.user)!;
      if (!node) {
        throw refuse(attributes, `could not determine node from user ${JSON.stringify(attributes.user.name)}`);
      }
      checkOf(attributes.resource, attributes.subresource)?.({ node, attributes, reader });
    },
  };
}

function checkOf(resource: { group: string; resource: string }, subresource: string) {
  const path = [`${resource.group}/${resource.resource}`, subresource].filter(Boolean).join('/');
  return checks[path];
}

const checks: Record<string, (question: Question) => void> = {
  '/pods': (question) => {
    const { operation } = question.attributes;
    if (operation === 'CREATE') checkMirrorPod(question);
    else if (operation === 'DELETE') {
      checkBound(question, `node ${quote(question.node)} can only delete pods with spec.nodeName set to itself`);
    } else {
      throw refuse(
        question.attributes,
        `unexpected operation ${quote(operation)}, node ${quote(question.node)} can only create and delete mirror pods`,
      );
    }
  },
  '/pods/status': ({ attributes, node }) => {
    const old = attributes.oldObject as Pod | undefined;
    if (old?.spec?.nodeName !== node) {
      throw refuse(
        attributes,
        `node ${quote(node)} can only update pod status for pods with spec.nodeName set to itself`,
      );
    }
    if (!isDeepStrictEqual({ ...old.metadata.labels }, { ...attributes.object?.metadata.labels })) {
      throw refuse(attributes, `node ${quote(node)} cannot update labels through pod status`);
    }
  },
  '/pods/eviction': (question) =>
    checkBound(question, `node ${question.node} can only evict pods with spec.nodeName set to itself`),
  '/nodes': checkNode,
  '/nodes/status': checkNode,
  '/persistentvolumeclaims': ({ attributes }) => {
    throw refuse(attributes, 'may only update PVC status');
  },
  'coordination.k8s.io/leases': ({ attributes, node }) => {
    if (attributes.namespace !== 'kube-node-lease') {
      throw refuse(attributes, 'can only access leases in the "kube-node-lease" system namespace');
    }
    if (ownName(attributes) !== node) {
      throw refuse(attributes, 'can only access node lease with the same name as the requesting node');
    }
  },
  'certificates.k8s.io/podcertificaterequests': checkCertificateRequest,
  'storage.k8s.io/csinodes': ({ attributes, node }) => {
    if (ownName(attributes) !== node) {
      throw refuse(attributes, 'can only access CSINode with the same name as the requesting node');
    }
  },
};

/** On CREATE the name may be in the object only. */
function ownName({ name, object }: AdmissionAttributes): string {
  return name || object?.metadata.name || '';
}

const quote = (text: string) => JSON.stringify(text);

function checkBound({ attributes, node, reader }: Question, why: string): void {
  const { namespace } = attributes;
  const name = ownName(attributes);
  const pod = reader.get(pods, namespace, name);
  if (!pod) throw notFound(pods, name);
  if (pod.spec?.nodeName !== node) throw refuse(attributes, why);
}

function checkMirrorPod({ attributes, node, reader }: Question): void {
  const pod = attributes.object as Pod;
  const only = `node ${quote(node)} can only create pods with`;
  if (pod.metadata.annotations?.[mirrorAnnotation] === undefined) {
    throw refuse(
      attributes,
      `pod does not have ${quote(mirrorAnnotation)} annotation, node ${quote(node)} can only create mirror pods`,
    );
  }
  if (pod.spec?.nodeName !== node) throw refuse(attributes, `${only} spec.nodeName set to itself`);
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0) throw refuse(attributes, `${only} a single owner reference set to itself`);
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw refuse(attributes, `${only} an owner reference set to itself`);
  }
  if (!owner.controller) throw refuse(attributes, `${only} a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion) {
    throw refuse(attributes, `node ${quote(node)} must not set blockOwnerDeletion on an owner reference`);
  }
  const found = reader.get(nodes, '', node);
  if (!found) throw notFound(nodes, node);
  if (found.metadata.uid !== owner.uid) {
    throw refuse(attributes, `node ${node} UID mismatch: expected ${found.metadata.uid} got ${owner.uid}`);
  }
  checkNoReferences(attributes, pod, node);
}

/** Only the node of a running Pod asks for it, and says truly who it is (admitPodCertificateRequest, KEP-4317). */
function checkCertificateRequest({ attributes, node, reader }: Question): void {
  if (attributes.operation !== 'CREATE') throw refuse(attributes, `unexpected operation ${attributes.operation}`);
  const { namespace } = attributes;
  const { spec } = attributes.object as PodCertificateRequest;
  const wrong = (why: string) => refuse(attributes, `PodCertificateRequest for pod ${quote(spec.podName)} ${why}`);
  if (spec.nodeName !== node)
    throw refuse(
      attributes,
      `PodCertificateRequest.Spec.NodeName=${quote(spec.nodeName)}, which is not the requesting node ${quote(node)}`,
    );
  const pod = reader.get(pods, namespace, spec.podName);
  if (!pod) throw wrong('names a pod that is not found');
  if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) throw wrong('names a mirror pod');
  if (pod.metadata.uid !== spec.podUID)
    throw wrong(`contains pod UID (${quote(spec.podUID)}) which differs from running pod ${quote(pod.metadata.uid)}`);
  if (pod.spec.nodeName !== node) throw wrong(`which is not bound to the requesting node ${quote(node)}`);
  if (pod.spec.serviceAccountName !== spec.serviceAccountName)
    throw wrong(
      `contains serviceAccountName (${quote(spec.serviceAccountName)}) that differs from running pod (${quote(pod.spec.serviceAccountName ?? '')})`,
    );
  const account = reader.get(serviceAccounts, namespace, spec.serviceAccountName);
  if (account?.metadata.uid !== spec.serviceAccountUID)
    throw wrong(
      `contains serviceAccountUID (${quote(spec.serviceAccountUID)}) that differs from running pod (${quote(account?.metadata.uid ?? '')})`,
    );
  const self = reader.get(nodes, '', node);
  if (self?.metadata.uid !== spec.nodeUID)
    throw wrong(
      `contains nodeUID (${quote(spec.nodeUID)}) that differs from that of running pod (${quote(self?.metadata.uid ?? '')})`,
    );
}

const titles: Record<string, string> = {
  serviceaccounts: 'a service account',
  secrets: 'secrets',
  configmaps: 'configmaps',
  persistentvolumeclaims: 'persistentvolumeclaims',
  resourceclaims: 'resourceclaims',
};

function checkNoReferences(attributes: AdmissionAttributes, pod: Pod, node: string): void {
  const referenced = new Set([...collectPodReferences(pod)].map((reference) => reference.split('/')[0] ?? ''));
  for (const [resource, title] of Object.entries(titles)) {
    if (referenced.has(resource)) {
      throw refuse(attributes, `node ${quote(node)} can not create pods that reference ${title}`);
    }
  }
}

function checkNode({ attributes, node }: Question): void {
  const name = ownName(attributes);
  if (name !== node) throw refuse(attributes, `node ${quote(node)} is not allowed to modify node ${quote(name)}`);
  if (attributes.operation !== 'CREATE' && attributes.operation !== 'UPDATE') return;
  const wanted = attributes.object as Node;
  const old = attributes.oldObject as Node | undefined;
  if (attributes.operation === 'UPDATE' && !isDeepStrictEqual(wanted.spec?.taints ?? [], old?.spec?.taints ?? [])) {
    throw refuse(attributes, `node ${quote(node)} is not allowed to modify taints`);
  }
  const labels = changedLabels(wanted.metadata.labels, old?.metadata.labels).filter(isForbiddenLabel).sort();
  if (labels.length === 0) return;
  throw refuse(
    attributes,
    attributes.operation === 'CREATE'
      ? `node ${quote(node)} is not allowed to set the following labels: ${labels.join(', ')}`
      : `is not allowed to modify labels: ${labels.join(', ')}`,
  );
}

function changedLabels(one: Record<string, string> = {}, other: Record<string, string> = {}): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((key) => one[key] !== other[key]);
}

/** k8s.io/kubelet/pkg/apis/well_known_labels.go */
const kubeletLabels = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
const kubeletLabelDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

function isForbiddenLabel(label: string): boolean {
  const domain = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
  const within = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  if (within('node-restriction.kubernetes.io')) return true;
  if (!within('kubernetes.io') && !within('k8s.io')) return false;
  return !kubeletLabels.has(label) && !kubeletLabelDomains.some(within);
}
