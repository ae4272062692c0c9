import { randomUUID } from 'node:crypto';
import type { ServerHandler } from '../http/exchange.ts';

/** Headers of every answer: the audit id, no caching, warnings (apiserver pkg/server/filters, pkg/endpoints/filters/warning). */
export function headers(next: ServerHandler): ServerHandler {
  return async (request) => {
    const response = await next(request);
    if (request.trustedUser) return response;
    response.headers['audit-id'] = request.headers['audit-id'] || randomUUID();
    response.headers['cache-control'] ??= 'no-cache, private';
    if (request.warnings.size > 0) response.headers.warning = [...request.warnings].map(warning).join(', ');
    return response;
  };
}

/** RFC 7234 section 5.5, as apimachinery pkg/util/net NewWarningHeader writes it. */
function warning(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get into a header
  const clean = text.replace(/[\x00-\x1f\x7f]/g, ' ').replace(/["\\]/g, '\\$&');
  return `299 - "${Buffer.from(clean, 'utf8').toString('latin1')}"`;
}
