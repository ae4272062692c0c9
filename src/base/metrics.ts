/** Figures in the text format of Prometheus (version 0.0.4), which every component of Kubernetes serves at /metrics. */

/** One line: a value with its labels. */
export interface Sample {
  labels?: Record<string, string>;
  value: number;
  /** Milliseconds since the epoch, when the figure was read; left out it is now. */
  atMs?: number;
  /** '_bucket', '_sum' or '_count' of a histogram. */
  suffix?: string;
}

/** All lines of one name. */
export interface MetricFamily {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  samples: Iterable<Sample>;
}

/** Where the parts of a process put what they tell of themselves. */
export type MetricSources = Set<() => MetricFamily[]>;

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Families of one name, from several sources, become one: a name must not come twice. */
export function renderMetrics(families: Iterable<MetricFamily>): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of merged(families)) {
    lines.push(`# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`, `# TYPE ${name} ${type}`);
    for (const { labels, value, atMs, suffix = '' } of samples) {
      const time = atMs === undefined ? '' : ` ${Math.round(atMs)}`;
      lines.push(`${name}${suffix}${labels ? labelText(labels) : ''} ${value}${time}`);
    }
  }
  return lines.length > 0 ? `${lines.join('\n')}\n` : '';
}

function merged(families: Iterable<MetricFamily>): Iterable<MetricFamily> {
  const byName = new Map<string, MetricFamily>();
  for (const family of families) {
    const known = byName.get(family.name);
    byName.set(family.name, known ? { ...known, samples: [...known.samples, ...family.samples] } : family);
  }
  return byName.values();
}

function labelText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

const escaped = (text: string) => (/[\\"\n]/.test(text) ? text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n') : text);

/** What a metric is called and which labels tell its values apart. */
export interface MetricDescription<L extends string> {
  name: string;
  help: string;
  labels?: readonly L[];
}

/** A value that can be kept at hand where it changes often. */
export interface Figure {
  value: number;
}

/** A counter or gauge: one figure for each combination of labels. */
export class Metric<L extends string = never> {
  readonly #description: MetricDescription<L>;
  readonly #type: 'counter' | 'gauge';
  /** Only grows: labels must have few values. */
  readonly #figures = new Map<string, Figure & { labels: Record<string, string> }>();

  constructor(type: 'counter' | 'gauge', description: MetricDescription<L>) {
    this.#type = type;
    this.#description = description;
  }

  /** The figure of these label values, in the order of the description. */
  of(...values: string[]): Figure {
    const key = values.join('\0');
    let figure = this.#figures.get(key);
    if (!figure) {
      figure = { value: 0, labels: labelled(this.#description, values) };
      this.#figures.set(key, figure);
    }
    return figure;
  }

  add(amount: number, ...values: string[]): void {
    this.of(...values).value += amount;
  }

  family(): MetricFamily {
    const { name, help } = this.#description;
    return { name, help, type: this.#type, samples: this.#figures.values() };
  }
}

/** Values sorted into buckets by their upper bounds. */
export class Histogram<L extends string = never> {
  readonly #description: MetricDescription<L>;
  readonly #bounds: readonly number[];
  /** Only grows: labels must have few values. */
  readonly #series = new Map<string, Series>();

  constructor(bounds: readonly number[], description: MetricDescription<L>) {
    this.#bounds = bounds;
    this.#description = description;
  }

  /** The series of these label values, in the order of the description. */
  of(...values: string[]): Series {
    const key = values.join('\0');
    let series = this.#series.get(key);
    if (!series) {
      series = new Series(this.#bounds, labelled(this.#description, values));
      this.#series.set(key, series);
    }
    return series;
  }

  observe(value: number, ...values: string[]): void {
    this.of(...values).observe(value);
  }

  family(): MetricFamily {
    const { name, help } = this.#description;
    return { name, help, type: 'histogram', samples: [...this.#series.values()].flatMap((one) => one.samples()) };
  }
}

/** One histogram of one combination of labels. */
export class Series {
  readonly #bounds: readonly number[];
  readonly #labels: Record<string, string>;
  /** How many values fell between a bound and the one before it; the last counts what is above all of them. */
  readonly #buckets: number[];
  #sum = 0;

  constructor(bounds: readonly number[], labels: Record<string, string>) {
    this.#bounds = bounds;
    this.#labels = labels;
    this.#buckets = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.#buckets[bucket]!++;
    this.#sum += value;
  }

  samples(): Sample[] {
    let count = 0;
    const buckets = this.#buckets.map((inside, i) => {
      count += inside;
      const le = i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf';
      return { suffix: '_bucket', labels: { ...this.#labels, le }, value: count };
    });
    const labels = this.#labels;
    return [...buckets, { suffix: '_sum', labels, value: this.#sum }, { suffix: '_count', labels, value: count }];
  }
}

function labelled(description: MetricDescription<string>, values: readonly string[]): Record<string, string> {
  return Object.fromEntries((description.labels ?? []).map((name, i) => [name, values[i] ?? '']));
}

/** What every process of a cluster says of itself (client_golang prometheus/process_collector.go). */
export function processMetrics(): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  const started = Date.now() / 1000 - process.uptime();
  const figure = (name: string, help: string, value: number, type: 'counter' | 'gauge' = 'gauge'): MetricFamily => ({
    ...{ name, help, type },
    samples: [{ value }],
  });
  return [
    figure(
      'process_cpu_seconds_total',
      'Total user and system CPU time spent in seconds.',
      (user + system) / 1e6,
      'counter',
    ),
    figure('process_resident_memory_bytes', 'Resident memory size in bytes.', process.memoryUsage.rss()),
    figure('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', started),
  ];
}
