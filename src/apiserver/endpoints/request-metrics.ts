import { Histogram, Metric, type MetricFamily } from '../../base/metrics.ts';
import type { RequestInfo } from '../request.ts';

/** Upper bounds in seconds (apiserver pkg/endpoints/metrics). */
const bounds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

/** The names that the metrics have for verbs, where it is not the verb in capitals. */
const verbs: Record<string, string> = { create: 'POST', update: 'PUT' };
const connects = new Set(['attach', 'exec', 'portforward', 'proxy']);
/** Everything else that somebody may send as a method is one verb (apiserver pkg/endpoints/metrics cleanVerb). */
const known = new Set([
  ...['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'],
  ...['post', 'put', 'head', 'options'],
]);
const mutating = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** What is counted for one kind of request and one outcome. */
interface Kind {
  total: { value: number };
  duration: { observe(value: number): void };
}

/** Requests by verb, resource and code, with their latencies, for /metrics (apiserver pkg/endpoints/metrics). */
export class RequestMetrics {
  readonly #kinds = new Map<string, Kind>();
  readonly #isServed: (info: RequestInfo) => boolean;
  /** Requests that are being answered now, those that change something and the others. */
  readonly inFlight = { mutating: 0, readOnly: 0 };
  readonly #requests = new Metric('counter', {
    name: 'apiserver_request_total',
    help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
    labels: ['code', 'component', 'dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
  });
  readonly #durations = new Histogram(bounds, {
    name: 'apiserver_request_duration_seconds',
    help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
    labels: ['component', 'dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
  });
  readonly #terminations = new Metric('counter', {
    name: 'apiserver_request_terminations_total',
    help: 'Number of requests which apiserver terminated in self-defense.',
    labels: ['code', 'component', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
  });

  /** Paths name what they like; only what is served has figures of its own, or memory would fill with names. */
  constructor(isServed: (info: RequestInfo) => boolean = () => true) {
    this.#isServed = isServed;
  }

  observe(info: RequestInfo, code: number, seconds: number): void {
    const { verb, group, version, resource, subresource } = info;
    const key = `${verb} ${group} ${version} ${resource} ${subresource} ${info.namespace ? 1 : 0}${info.name ? 1 : 0} ${code}`;
    let kind = this.#kinds.get(key);
    if (!kind) {
      const isKind = known.has(verb) && (!resource || this.#isServed(info));
      const labels = isKind
        ? ['apiserver', '', group, resource, scopeOf(info), subresource, verbOf(info), version]
        : ['apiserver', '', '', '', '', '', known.has(verb) ? verbOf(info) : 'other', ''];
      kind = { total: this.#requests.of(String(code), ...labels), duration: this.#durations.of(...labels) };
      if (isKind) this.#kinds.set(key, kind);
    }
    kind.total.value++;
    kind.duration.observe(seconds);
  }

  /** A request that was cut short: it took too long. */
  terminated(info: RequestInfo, code: number): void {
    const { group, resource, subresource, version } = info;
    this.#terminations.add(
      1,
      ...[String(code), 'apiserver', group, resource, scopeOf(info), subresource, verbOf(info), version],
    );
  }

  /** Which of `inFlight` a request is one of. */
  kindOf(info: RequestInfo): 'mutating' | 'readOnly' {
    return mutating.has(info.verb) ? 'mutating' : 'readOnly';
  }

  families(): MetricFamily[] {
    return [
      {
        name: 'apiserver_current_inflight_requests',
        help: 'Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
        type: 'gauge',
        samples: Object.entries(this.inFlight).map(([kind, value]) => ({ labels: { request_kind: kind }, value })),
      },
      this.#durations.family(),
      this.#terminations.family(),
      this.#requests.family(),
    ];
  }
}

function verbOf({ verb, subresource }: RequestInfo): string {
  return connects.has(subresource) ? 'CONNECT' : (verbs[verb] ?? verb.toUpperCase());
}

/** CleanScope: one object, those of a namespace, or all. */
function scopeOf({ isResourceRequest, name, namespace }: RequestInfo): string {
  if (!isResourceRequest) return '';
  return name ? 'resource' : namespace ? 'namespace' : 'cluster';
}
