import { X509Certificate } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import { certificateSigningRequests } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { conditionOf } from './request.ts';

const hourMs = 3_600_000;

/** Deletes requests that are done with (kubernetes pkg/controller/certificates/cleaner, which looks once an hour). */
export function certificateCleaningController({ client, informers, clock }: ControllerContext): Controller {
  const all = informers.informer(certificateSigningRequests);
  return {
    name: 'csrcleaner',
    for: certificateSigningRequests,
    reconcile: async (name) => {
      const request = all.get(name);
      if (!request) return;
      const leftMs = endOf(request) - clock.now();
      if (leftMs === Infinity) return;
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      const { uid, resourceVersion } = request.metadata;
      try {
        await client.delete(certificateSigningRequests, name, undefined, { preconditions: { uid, resourceVersion } });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
    },
  };
}

/** When a request is of no use any more. One that is approved and waits for its signer stays for good. */
export function endOf(request: CertificateSigningRequest): number {
  const { metadata, status } = request;
  const ends: number[] = [];
  const after = (time: string | undefined, ms: number) => {
    if (time) ends.push(Date.parse(time) + ms);
  };
  if (!status?.conditions?.length) after(metadata.creationTimestamp, 24 * hourMs);
  after(conditionOf(request, 'Denied')?.lastUpdateTime, hourMs);
  after(conditionOf(request, 'Failed')?.lastUpdateTime, hourMs);
  if (status?.certificate && conditionOf(request, 'Approved')) {
    after(conditionOf(request, 'Approved')?.lastUpdateTime, hourMs);
    after(expiryOf(status.certificate), 0);
  }
  return Math.min(...ends);
}

/** undefined: other signers may issue what we cannot read. */
function expiryOf(certificate: string): string | undefined {
  try {
    return new X509Certificate(Buffer.from(certificate, 'base64')).validTo;
  } catch {
    return undefined;
  }
}
