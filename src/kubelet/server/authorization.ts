import type { SubjectAccessReview } from '../../api/generated/authorization-v1.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import { type KubeletUser, postReview } from './authentication.ts';
import { ExpiringCache } from './expiring-cache.ts';

/** authorization.webhook.cacheAuthorizedTTL and cacheUnauthorizedTTL of the KubeletConfiguration. */
const allowedTtlMs = 300_000;
const deniedTtlMs = 30_000;

const verbs: Record<string, string> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** First parts of paths that have a subresource of `nodes` to themselves. */
const own: Record<string, string> = { stats: 'stats', metrics: 'metrics', logs: 'log', checkpoint: 'checkpoint' };
/** Those that the finer one allows as well as `nodes/proxy` (KEP-2862). */
const finer: Record<string, string> = { pods: 'pods', runningpods: 'pods', healthz: 'healthz', configz: 'configz' };

/** The subresources of `nodes` of which one must be allowed (kubelet server/auth.go GetRequestAttributes). */
export function subresourcesOf(path: string): string[] {
  const first = path.split('/')[1] ?? '';
  if (Object.hasOwn(own, first)) return [own[first]!];
  return Object.hasOwn(finer, first) ? [finer[first]!, 'proxy'] : ['proxy'];
}

/** Asks the API server whether a user may do this on the node. Throws 403. */
export function kubeletAuthorization({ client, clock, nodeName }: { client: Client; clock: Clock; nodeName: string }) {
  const cache = new ExpiringCache<boolean>(clock);
  return async (user: KubeletUser, method: string, path: string): Promise<void> => {
    const verb = verbs[method] ?? '';
    const subresources = subresourcesOf(path);
    for (const subresource of subresources) {
      const spec = accessSpec(user, verb, subresource);
      const key = JSON.stringify(spec);
      const allowed = await cache.get(
        key,
        () => ask(spec),
        (yes) => (yes ? allowedTtlMs : deniedTtlMs),
      );
      if (allowed) return;
    }
    const what = `user=${user.username}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}]`;
    throw new StatusError({ code: 403, reason: 'Forbidden', message: `Forbidden (${what})\n` });
  };

  function accessSpec({ username, uid, groups, extra }: KubeletUser, verb: string, subresource: string) {
    const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName };
    return { user: username, groups, ...(uid && { uid }), ...(extra && { extra }), resourceAttributes };
  }

  async function ask(spec: ReturnType<typeof accessSpec>): Promise<boolean> {
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
    const { status } = await postReview<SubjectAccessReview>(client, path, body);
    return status?.allowed === true;
  }
}
