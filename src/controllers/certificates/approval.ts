import type { SubjectAccessReview } from '../../api/generated/authorization-v1.ts';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import { builtin, certificateSigningRequests } from '../../api/resource.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { kubeletClientProblem, kubeletClientSigner } from './plan-signing.ts';
import { conditionOf, parseRequest } from './request.ts';

const reviews = builtin<SubjectAccessReview>('authorization.k8s.io', 'v1', 'subjectaccessreviews');

/**
 * Approves what kubelets ask for, their own certificate or their first one, if RBAC lets who asks create the
 * subresource that stands for it (kubernetes pkg/controller/certificates/approver).
 */
export function certificateApprovalController({ client, informers, clock, log }: ControllerContext): Controller {
  const all = informers.informer(certificateSigningRequests);

  async function mayCreate({ spec }: CertificateSigningRequest, subresource: string): Promise<boolean> {
    const group = 'certificates.k8s.io';
    const { status } = await client.create(reviews, {
      metadata: {},
      spec: {
        user: spec.username,
        ...(spec.uid ? { uid: spec.uid } : {}),
        groups: spec.groups,
        ...(spec.extra ? { extra: spec.extra } : {}),
        resourceAttributes: { group, resource: 'certificatesigningrequests', subresource, verb: 'create' },
      },
    } as never);
    return status?.allowed === true;
  }

  return {
    name: 'csrapproving',
    for: certificateSigningRequests,
    reconcile: async (name) => {
      const request = all.get(name);
      if (request?.spec.signerName !== kubeletClientSigner || request.status?.certificate) return;
      if (conditionOf(request, 'Approved') || conditionOf(request, 'Denied')) return;
      const { facts } = await parseRequest(request);
      if (kubeletClientProblem(facts, request.spec.usages ?? [])) return;
      const own = request.spec.username === facts.commonName;
      const message = own && (await mayCreate(request, 'selfnodeclient')) ? ownMessage : undefined;
      const granted = message ?? ((await mayCreate(request, 'nodeclient')) ? firstMessage : undefined);
      if (!granted) {
        log.info('a kubelet may not approve its certificate', { name, user: request.spec.username ?? '' });
        return { requeueAfterMs: retryAfterMs(clock.now() - Date.parse(request.metadata.creationTimestamp)) };
      }
      const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message: granted };
      const status = { ...request.status, conditions: [...(request.status?.conditions ?? []), approved] };
      await client.update(certificateSigningRequests, { ...request, status }, { subresource: 'approval' });
    },
  };
}

/** Rights may be granted later: asked again after as long as the request has waited already, a back-off without memory. */
const retryAfterMs = (ageMs: number): number => Math.min(1_000_000, Math.max(200, ageMs));

const ownMessage = 'Auto approving self kubelet client certificate after SubjectAccessReview.';
const firstMessage = 'Auto approving kubelet client certificate after SubjectAccessReview.';
