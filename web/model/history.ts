/** Use over the last minutes of one thing, oldest first. */
export interface Series {
  atMs: number[];
  /** 1: one processor. */
  cpu: number[];
  memoryBytes: number[];
}

/** Five minutes at one reading a second. */
const longest = 300;

/** What the page has seen since it was opened; nothing is kept elsewhere. */
export class History {
  readonly #series = new Map<string, Series>();

  add(id: string, atMs: number, cpu: number, memoryBytes: number): void {
    let series = this.#series.get(id);
    if (!series) {
      series = { atMs: [], cpu: [], memoryBytes: [] };
      this.#series.set(id, series);
    }
    series.atMs.push(atMs);
    series.cpu.push(cpu);
    series.memoryBytes.push(memoryBytes);
    // Cut in blocks: shifting thousands of arrays each second is dear.
    if (series.atMs.length < longest + 60) return;
    for (const values of [series.atMs, series.cpu, series.memoryBytes]) values.splice(0, values.length - longest);
  }

  of(id: string): Series | undefined {
    return this.#series.get(id);
  }

  forget(id: string): void {
    this.#series.delete(id);
  }
}
