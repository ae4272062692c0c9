import { formatQuantity, quantityOf } from '../../api/quantity.ts';
import type { Point, Scrape } from './scrape.ts';

/** What was used on average over a while. */
export interface Usage {
  /** The end of that while. */
  atMs: number;
  windowMs: number;
  nanoCores: number;
  memoryBytes: number;
}

/** A container that has just started is measured from its start on, once it is this old. */
const youngestMs = 1000;

/** Between two points; undefined if they do not go together (metrics-server pkg/storage/types.go resourceUsage). */
export function usageOf(before: Point | undefined, last: Point): Usage | undefined {
  const from = before && before.startedAtMs === last.startedAtMs ? before : startOf(last);
  const windowMs = last.atMs - (from?.atMs ?? last.atMs);
  // A counter that went back is another container's.
  if (!from || windowMs <= 0 || last.cpuSeconds < from.cpuSeconds) return undefined;
  const nanoCores = Math.round(((last.cpuSeconds - from.cpuSeconds) * 1e9) / (windowMs / 1000));
  return { atMs: last.atMs, windowMs, nanoCores, memoryBytes: last.memoryBytes };
}

/** The containers of a Pod; undefined unless all of them are measured. */
export function podUsage(before: Scrape | undefined, last: Scrape, key: string): Map<string, Usage> | undefined {
  const containers = last.pods.get(key);
  if (!containers) return undefined;
  const usages = new Map<string, Usage>();
  for (const [name, point] of containers) {
    const usage = usageOf(before?.pods.get(key)?.get(name), point);
    if (!usage) return undefined;
    usages.set(name, usage);
  }
  return usages;
}

function startOf({ startedAtMs, atMs }: Point): Point | undefined {
  if (startedAtMs === undefined || atMs - startedAtMs < youngestMs) return undefined;
  return { atMs: startedAtMs, cpuSeconds: 0, memoryBytes: 0 };
}

/** As metrics.k8s.io writes usage. */
export function quantities({ nanoCores, memoryBytes }: Usage): { cpu: string; memory: string } {
  return {
    cpu: formatQuantity({ nanos: BigInt(nanoCores), format: 'DecimalSI' }),
    memory: quantityOf(Math.round(memoryBytes), 'BinarySI'),
  };
}

/** Go's time.Duration.String of less than an hour: '15.02s', '1m5s'. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
