import { forbidden, StatusError } from '../../api/status-error.ts';
import type { ServerHandler, ServerRequest } from '../http/exchange.ts';
import type { Authorizer, RequestInfo, UserInfo } from '../request.ts';

/** Lets a request pass that any authorizer allows; else 403. */
export function authorization(next: ServerHandler, authorizers: readonly Authorizer[]): ServerHandler {
  return async (request) => {
    const annotate = (key: string, value: string) => void request.auditAnnotations.set(key, value);
    await requireAllowed(authorizers, request.user, request.info, annotate);
    if (opensStream(request)) await requireAllowed(authorizers, request.user, { ...request.info, verb: 'create' });
    return next(request);
  };
}

/**
 * A command run by GET, as WebSocket clients ask for it, is no less a command: who may only read may not run any
 * (Kubernetes's AuthorizePodWebsocketUpgradeCreatePermission).
 */
function opensStream({ upgrade, info }: ServerRequest): boolean {
  return upgrade !== undefined && info.verb === 'get' && info.resource === 'pods' && streams.has(info.subresource);
}

const streams = new Set(['exec', 'attach', 'portforward']);

/** Throws 403 in the words of apiserver pkg/endpoints/handlers/responsewriters/errors.go. */
export async function requireAllowed(
  authorizers: readonly Authorizer[],
  user: UserInfo,
  info: RequestInfo,
  annotate?: (key: string, value: string) => void,
): Promise<void> {
  let why = '';
  for (const authorizer of authorizers) {
    const { allowed, reason } = await authorizer.authorize(user, info);
    if (allowed) {
      annotate?.('authorization.k8s.io/decision', 'allow');
      annotate?.('authorization.k8s.io/reason', reason);
      return;
    }
    if (reason) why = why ? `${why}, ${reason}` : reason;
  }
  annotate?.('authorization.k8s.io/decision', 'forbid');
  annotate?.('authorization.k8s.io/reason', why);
  throw refusal(user, info, why);
}

function refusal(user: UserInfo, info: RequestInfo, why: string): StatusError {
  const tail = why ? `: ${why}` : '';
  const name = user.name || 'system:anonymous';
  if (!info.isResourceRequest) {
    const message = `forbidden: User ${JSON.stringify(name)} cannot ${info.verb} path ${JSON.stringify(info.path)}${tail}`;
    return new StatusError({ code: 403, reason: 'Forbidden', message, details: {} });
  }
  const resource = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  const where = info.namespace ? ` in the namespace ${JSON.stringify(info.namespace)}` : ' at the cluster scope';
  return forbidden(
    { group: info.group, resource: info.resource },
    info.name,
    `User ${JSON.stringify(name)} cannot ${info.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(info.group)}${where}${tail}`,
  );
}
