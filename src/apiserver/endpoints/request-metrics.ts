import type { RequestInfo } from '../request.ts';

/** Upper bounds in seconds (apiserver pkg/endpoints/metrics). */
const bounds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

interface Series {
  labels: string;
  /** How many requests took at most so long, per bound, and in all. */
  buckets: number[];
  count: number;
  sum: number;
}

/** Requests by verb, resource and code, with their latencies, for /metrics. */
export class RequestMetrics {
  /** Only grows: verbs, resources and codes are few. */
  readonly #series = new Map<string, Series & { code: number }>();

  observe(info: RequestInfo, code: number, seconds: number): void {
    const { verb, group, version, resource, subresource } = info;
    const id = `${verb} ${group} ${version} ${resource} ${subresource} ${code}`;
    let series = this.#series.get(id);
    if (!series) {
      const scope = info.namespace ? 'namespace' : 'cluster';
      const labels = `group="${group}",resource="${label(resource)}",scope="${scope}",subresource="${label(subresource)}",verb="${verb.toUpperCase()}",version="${version}"`;
      series = { labels, code, buckets: new Array<number>(bounds.length).fill(0), count: 0, sum: 0 };
      this.#series.set(id, series);
    }
    series.count++;
    series.sum += seconds;
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) series.buckets[bucket]!++;
  }

  /** The Prometheus text format. */
  render(): string {
    const lines = [
      '# HELP apiserver_request_total Counter of apiserver requests broken out for each verb, group, version, resource, scope, and HTTP response code.',
      '# TYPE apiserver_request_total counter',
    ];
    for (const { labels, code, count } of this.#series.values()) {
      lines.push(`apiserver_request_total{code="${code}",${labels}} ${count}`);
    }
    lines.push(
      '# HELP apiserver_request_duration_seconds Response latency distribution in seconds for each verb, group, version, resource, subresource and scope.',
      '# TYPE apiserver_request_duration_seconds histogram',
    );
    for (const series of this.#merged()) lines.push(...histogram(series));
    return `${lines.join('\n')}\n`;
  }

  /** The histogram is not told apart by code. */
  #merged(): Series[] {
    const merged = new Map<string, Series>();
    for (const { labels, buckets, count, sum } of this.#series.values()) {
      const into = merged.get(labels) ?? { labels, buckets: buckets.map(() => 0), count: 0, sum: 0 };
      merged.set(labels, into);
      into.count += count;
      into.sum += sum;
      buckets.forEach((n, i) => {
        into.buckets[i]! += n;
      });
    }
    return [...merged.values()];
  }
}

function histogram({ labels, buckets, count, sum }: Series): string[] {
  const name = 'apiserver_request_duration_seconds';
  let total = 0;
  const lines = bounds.map((bound, i) => {
    total += buckets[i]!;
    return `${name}_bucket{${labels},le="${bound}"} ${total}`;
  });
  return [
    ...lines,
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sum}`,
    `${name}_count{${labels}} ${count}`,
  ];
}

const label = (text: string) => text.replace(/[\\"\n]/g, '_');
