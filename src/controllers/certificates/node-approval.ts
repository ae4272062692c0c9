import { certificateSigningRequests, nodes } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { clientSigner, kubeletServingSigner, mayHaveCertificate } from './plan-node-approval.ts';
import { conditionOf, parseRequest } from './request.ts';

/** Approves the certificates that a node needs beyond its first one: those of its kubelet's API and of its service proxy. */
export function nodeCertificateApprovalController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(certificateSigningRequests);
  return {
    name: 'node-certificate-approver',
    for: certificateSigningRequests,
    reconcile: async (name) => {
      const request = all.get(name);
      if (!request || ![kubeletServingSigner, clientSigner].includes(request.spec.signerName)) return;
      if (!request.spec.username?.startsWith('system:node:')) return;
      if (conditionOf(request, 'Approved') || conditionOf(request, 'Denied')) return;
      const { facts } = await parseRequest(request);
      // Asked for, as the Node may be newer than what an informer knows.
      const node = await client.get(nodes, request.spec.username.slice('system:node:'.length)).catch(ignoreNotFound);
      if (!mayHaveCertificate(request, facts, node)) return;
      const message = 'Approved: the node asks for itself.';
      const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
      const status = { ...request.status, conditions: [...(request.status?.conditions ?? []), approved] };
      await client.update(certificateSigningRequests, { ...request, status }, { subresource: 'approval' });
    },
  };
}

function ignoreNotFound(error: unknown): undefined {
  if (!hasReason(error, 'NotFound')) throw error;
}
