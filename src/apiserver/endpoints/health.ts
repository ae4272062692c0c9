import { Metric, type MetricFamily } from '../../base/metrics.ts';
import { text } from '../http/response.ts';
import type { ApiResponse } from '../request.ts';

export interface HealthCheck {
  name: string;
  /** Resolves when all is well, else rejects. */
  check(): Promise<void>;
  /** Whether what is not ready must not be restarted for it: /readyz alone asks. */
  readyOnly?: boolean;
}

type Endpoint = 'healthz' | 'livez' | 'readyz';

/** /healthz, /livez, /readyz and their named checks (apiserver pkg/server/healthz/healthz.go). */
export class Health {
  readonly #checks: readonly HealthCheck[];
  readonly #state = new Metric('gauge', {
    name: 'kubernetes_healthcheck',
    help: 'This metric records the result of a single healthcheck.',
    labels: ['name', 'type'],
  });
  readonly #results = new Metric('counter', {
    name: 'kubernetes_healthchecks_total',
    help: 'This metric records the results of all healthcheck.',
    labels: ['name', 'status', 'type'],
  });

  constructor(checks: readonly HealthCheck[]) {
    this.#checks = checks;
  }

  /** Every path that answers. */
  paths(): string[] {
    const endpoints: Endpoint[] = ['healthz', 'livez', 'readyz'];
    return endpoints.flatMap((endpoint) => [
      `/${endpoint}`,
      ...this.#of(endpoint).map(({ name }) => `/${endpoint}/${name}`),
    ]);
  }

  /** For /metrics/slis, which asks anew (component-base/metrics/prometheus/slis). */
  async families(): Promise<MetricFamily[]> {
    for (const endpoint of ['healthz', 'livez', 'readyz'] as const)
      for (const check of this.#of(endpoint)) await this.#failureOf(check, endpoint);
    return [this.#state.family(), this.#results.family()];
  }

  /** undefined for other paths. */
  async answer(path: string, query: URLSearchParams): Promise<ApiResponse | undefined> {
    const [, endpoint, ...rest] = /^\/(healthz|livez|readyz)(?:\/(.*))?$/.exec(path) ?? [];
    if (!endpoint) return undefined;
    const name = rest[0];
    if (name) return this.#one(endpoint as Endpoint, name);
    return this.#all(endpoint as Endpoint, query);
  }

  async #one(endpoint: Endpoint, name: string): Promise<ApiResponse> {
    const check = this.#of(endpoint).find((one) => one.name === name);
    if (!check) return text(404, '404 page not found\n');
    const failure = await this.#failureOf(check, endpoint);
    return failure ? text(500, `internal server error: ${(failure as Error).message}\n`) : text(200, 'ok');
  }

  async #all(endpoint: Endpoint, query: URLSearchParams): Promise<ApiResponse> {
    const excluded = new Set(query.getAll('exclude').filter(Boolean));
    const lines: string[] = [];
    let failed = false;
    for (const check of this.#of(endpoint)) {
      if (excluded.delete(check.name)) {
        lines.push(`[+]${check.name} excluded: ok`);
        continue;
      }
      const failure = await this.#failureOf(check, endpoint);
      if (failure) failed = true;
      lines.push(failure ? `[-]${check.name} failed: reason withheld` : `[+]${check.name} ok`);
    }
    if (excluded.size > 0) {
      const names = [...excluded].map((name) => JSON.stringify(name)).join(',');
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
    }
    const told = `${lines.join('\n')}\n${endpoint} check`;
    if (failed) return text(500, `${told} failed\n`);
    return text(200, query.has('verbose') ? `${told} passed\n` : 'ok');
  }

  #of(endpoint: Endpoint): HealthCheck[] {
    return this.#checks.filter(({ readyOnly }) => !readyOnly || endpoint === 'readyz');
  }

  async #failureOf({ name, check }: HealthCheck, endpoint: Endpoint): Promise<unknown> {
    let failure: unknown;
    try {
      await check();
    } catch (error) {
      failure = error ?? new Error('failed');
    }
    this.#state.of(name, endpoint).value = failure ? 0 : 1;
    this.#results.add(1, name, failure ? 'error' : 'success', endpoint);
    return failure;
  }
}
