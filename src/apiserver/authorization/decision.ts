import { StatusError } from '../../api/status-error.ts';
import type { RequestInfo, UserInfo } from '../request.ts';

export interface Decision {
  allowed: boolean;
  /** Why; may be empty. */
  reason: string;
}

/** The 403 of a request that nobody allows (apiserver pkg/endpoints/handlers/responsewriters/errors.go). */
export function forbiddenRequest(user: UserInfo, request: RequestInfo, reason: string): StatusError {
  const { group, resource, name, isResourceRequest } = request;
  const what = `${describeRequest(user, request)}${reason ? `: ${reason}` : ''}`;
  const qualified = group ? `${resource}.${group}` : resource;
  const message = !isResourceRequest
    ? `forbidden: ${what}`
    : name
      ? `${qualified} ${JSON.stringify(name)} is forbidden: ${what}`
      : `${qualified} is forbidden: ${what}`;
  return new StatusError({
    code: 403,
    reason: 'Forbidden',
    message,
    details: {
      ...(name ? { name } : {}),
      ...(group ? { group } : {}),
      ...(resource ? { kind: resource } : {}),
    },
  });
}

function describeRequest(user: UserInfo, request: RequestInfo): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${request.verb}`;
  if (!request.isResourceRequest) return `${who} path ${JSON.stringify(request.path)}`;
  const resource = request.subresource ? `${request.resource}/${request.subresource}` : request.resource;
  const scope = request.namespace ? `in the namespace ${JSON.stringify(request.namespace)}` : 'at the cluster scope';
  return `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(request.group)} ${scope}`;
}
