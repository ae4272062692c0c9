/** What was used at a moment. */
export interface Point {
  atMs: number;
  /** Seconds of a processor since the start. */
  cpuSeconds: number;
  memoryBytes: number;
  /** Of a container. */
  startedAtMs?: number;
}

/** One answer of a kubelet. */
export interface Scrape {
  node: Point | undefined;
  /** By namespace/pod and container. */
  pods: Map<string, Map<string, Point>>;
}

const line = /^(\w+)(?:\{([^}]*)\})? (\S+)(?: (\d+))?$/gm;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The figures of a kubelet's /metrics/resource (metrics-server pkg/scraper/client/resource/decode.go). */
export function parseScrape(text: string): Scrape {
  const node: Partial<Point> = {};
  const pods = new Map<string, Map<string, Partial<Point>>>();
  for (const [, name, labels = '', figure, time] of text.matchAll(line)) {
    const set = setters[name!];
    if (!set) continue;
    const value = Number(figure);
    if (name!.startsWith('node_')) set(node, value, Number(time));
    else set(containerOf(pods, labels), value, Number(time));
  }
  for (const [key, containers] of pods) {
    for (const [container, point] of containers) if (!isWhole(point)) containers.delete(container);
    if (containers.size === 0) pods.delete(key);
  }
  return { node: isWhole(node) ? node : undefined, pods: pods as Map<string, Map<string, Point>> };
}

const cpu = (point: Partial<Point>, value: number, atMs: number) => Object.assign(point, { cpuSeconds: value, atMs });
const memory = (point: Partial<Point>, value: number) => Object.assign(point, { memoryBytes: value });

const setters: Record<string, (point: Partial<Point>, value: number, atMs: number) => void> = {
  node_cpu_usage_seconds_total: cpu,
  node_memory_working_set_bytes: memory,
  container_cpu_usage_seconds_total: cpu,
  container_memory_working_set_bytes: memory,
  container_start_time_seconds: (point, value) => Object.assign(point, { startedAtMs: value * 1000 }),
};

function containerOf(pods: Map<string, Map<string, Partial<Point>>>, text: string): Partial<Point> {
  const labels = Object.fromEntries([...text.matchAll(label)].map(([, name, value]) => [name, value]));
  const key = `${labels.namespace}/${labels.pod}`;
  const containers = pods.get(key) ?? new Map<string, Partial<Point>>();
  pods.set(key, containers);
  const point = containers.get(labels.container ?? '') ?? {};
  containers.set(labels.container ?? '', point);
  return point;
}

function isWhole(point: Partial<Point>): point is Point {
  return Number.isFinite(point.cpuSeconds) && Number.isFinite(point.memoryBytes) && Number.isFinite(point.atMs);
}
