import { json, text } from '../http/response.ts';
import type { PathHandler } from '../router.ts';
import { type HealthCheck, health } from './health.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { versionInfo } from './version.ts';

export interface BuiltinPathsOptions {
  checks: readonly HealthCheck[];
  metrics: RequestMetrics;
  /** Aborted when the server stops: then it is no longer ready. */
  shutdown: AbortSignal;
}

/** Health, version and metrics. */
export function builtinPaths({ checks, metrics, shutdown }: BuiltinPathsOptions): PathHandler {
  const stopping: HealthCheck = {
    name: 'shutdown',
    check: async () => shutdown.throwIfAborted(),
  };
  return async ({ path, query, method }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (/^\/(healthz|livez)(\/|$)/.test(path)) return health(path, query, checks);
    if (/^\/readyz(\/|$)/.test(path)) return health(path, query, [...checks, stopping]);
    if (path === '/version' || path === '/version/') return json(200, versionInfo());
    if (path === '/metrics') {
      return text(200, metrics.render(), { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    }
    return undefined;
  };
}
