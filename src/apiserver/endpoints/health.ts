import { text } from '../http/response.ts';
import type { ApiResponse } from '../request.ts';

export interface HealthCheck {
  name: string;
  /** Resolves when all is well, else rejects. */
  check(): Promise<void>;
}

/** /healthz, /livez, /readyz and their named checks (apiserver pkg/server/healthz/healthz.go). */
export async function health(
  path: string,
  query: URLSearchParams,
  checks: readonly HealthCheck[],
): Promise<ApiResponse> {
  const [, endpoint = '', name] = path.split('/');
  if (name) {
    const one = checks.find((check) => check.name === name);
    if (!one) return text(404, '404 page not found\n');
    return (await failureOf(one)) ? text(500, `internal server error: ${name}\n`) : text(200, 'ok');
  }
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const check of checks) {
    if (excluded.has(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const failure = await failureOf(check);
    if (failure) failed = true;
    lines.push(failure ? `[-]${check.name} failed: reason withheld` : `[+]${check.name} ok`);
  }
  if (failed) return text(500, `${lines.join('\n')}\n${endpoint} check failed\n`);
  if (!query.has('verbose')) return text(200, 'ok');
  return text(200, `${lines.join('\n')}\n${endpoint} check passed\n`);
}

async function failureOf(check: HealthCheck): Promise<unknown> {
  try {
    await check.check();
    return undefined;
  } catch (error) {
    return error ?? new Error('failed');
  }
}
