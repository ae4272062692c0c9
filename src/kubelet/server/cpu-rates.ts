/** A rate over less than this says little. */
const leastMs = 500;

interface Sample {
  atMs: number;
  nanoseconds: number;
}

/** Nanocores, by comparing what was asked now with what was asked before (kubelet stats/cri_stats_provider.go). */
export class CpuRates {
  /** The sample before the last one and the last, by cgroup. */
  readonly #samples = new Map<string, { from: Sample | undefined; last: Sample }>();

  /** undefined at the first time: there is nothing to compare with. */
  of(key: string, atMs: number, nanoseconds: number): number | undefined {
    const known = this.#samples.get(key);
    if (!known || nanoseconds < known.last.nanoseconds) {
      this.#samples.set(key, { from: undefined, last: { atMs, nanoseconds } });
      return undefined;
    }
    if (atMs - known.last.atMs >= leastMs) this.#samples.set(key, { from: known.last, last: { atMs, nanoseconds } });
    const { from, last } = this.#samples.get(key)!;
    return from && Math.round((last.nanoseconds - from.nanoseconds) / ((last.atMs - from.atMs) / 1000));
  }

  /** Drops what was not asked for since a while before `nowMs`: its cgroup is gone. */
  forgetOlderThan(nowMs: number): void {
    for (const [key, { last }] of this.#samples) if (last.atMs < nowMs - 600_000) this.#samples.delete(key);
  }
}
