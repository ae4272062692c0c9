import type { Secret } from '../api/generated/core-v1.ts';
import { secrets } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';

const selection = { namespace: 'kube-system', fieldSelector: 'type=bootstrap.kubernetes.io/token' };

/** Deletes bootstrap tokens that have expired (kubernetes pkg/controller/bootstrap/tokencleaner.go). */
export function tokenCleanerController({ client, informers, clock }: ControllerContext): Controller {
  const tokens = informers.informer(secrets, selection);
  return {
    name: 'tokencleaner',
    for: secrets,
    selection,
    reconcile: async (key) => {
      const token = tokens.get(key);
      const expiration = token && expirationMs(token);
      if (!token || expiration === undefined) return;
      const leftMs = expiration - clock.now();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      const { name, namespace, uid } = token.metadata;
      try {
        await client.delete(secrets, name, namespace, { preconditions: { uid } });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
    },
  };
}

/** Undefined for a token without an end; one whose end cannot be read has come to it. */
function expirationMs({ data }: Secret): number | undefined {
  if (!data?.expiration) return undefined;
  return Date.parse(Buffer.from(data.expiration, 'base64').toString()) || 0;
}
