import type { ServerRequest } from '../http/exchange.ts';

/** Subresources whose requests last as long as somebody likes (kube-apiserver's longRunningSubresources). */
const subresources = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

/** Requests that stay open by their nature (apiserver pkg/server/filters/longrunning.go). */
export function isLongRunning({ info, upgrade }: ServerRequest): boolean {
  return info.verb === 'watch' || upgrade !== undefined || subresources.has(info.subresource);
}
