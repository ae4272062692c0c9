import type { ResourceInfo } from '../../api/resource.ts';
import { type MetricFamily, metricsContentType, renderMetrics } from '../../base/metrics.ts';
import { json, text } from '../http/response.ts';
import type { PathHandler } from '../router.ts';
import { Health, type HealthCheck } from './health.ts';
import { versionInfo } from './version.ts';

export interface BuiltinPathsOptions {
  checks: readonly HealthCheck[];
  /** What /metrics tells, read when somebody asks. */
  metrics(): MetricFamily[];
  /** What is served now. */
  served(): readonly ResourceInfo[];
  /** Aborted when the server stops: then it is no longer ready. */
  shutdown: AbortSignal;
}

/** Health, version and metrics. */
export function builtinPaths({ checks, metrics, served, shutdown }: BuiltinPathsOptions): PathHandler {
  const stopping: HealthCheck = {
    name: 'shutdown',
    check: async () => shutdown.throwIfAborted(),
    readyOnly: true,
  };
  const health = new Health([...checks, stopping]);
  return async ({ path, query, method }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const healthy = await health.answer(path, query);
    if (healthy) return healthy;
    if (path === '/') return json(200, { paths: indexOf(served(), health.paths()) });
    if (path === '/version' || path === '/version/') return json(200, versionInfo());
    if (path === '/metrics') return text(200, renderMetrics(metrics()), { 'content-type': metricsContentType });
    if (path === '/metrics/slis')
      return text(200, renderMetrics(await health.families()), { 'content-type': metricsContentType });
    return undefined;
  };
}

/** What `kubectl get --raw /` shows (apiserver pkg/server/routes/index.go). */
function indexOf(served: readonly ResourceInfo[], healthPaths: readonly string[]): string[] {
  const paths = new Set([
    '/.well-known/openid-configuration',
    '/api',
    '/apis',
    '/metrics',
    '/metrics/slis',
    '/openapi/v2',
    '/openapi/v3',
    '/version',
  ]);
  paths.add('/openid/v1/jwks');
  for (const { group, version } of served) {
    if (group) paths.add(`/apis/${group}`);
    paths.add(group ? `/apis/${group}/${version}` : `/api/${version}`);
  }
  for (const path of healthPaths) paths.add(path);
  return [...paths].sort();
}
