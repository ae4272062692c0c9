import type { CacheEvent } from './resource-cache.ts';

const maxEvents = 10_000;
const maxBytes = 4 << 20;

/** The newest events of one resource, bounded in number and bytes, so that a watch can resume where it broke off. */
export class EventRing {
  /** Every event after this revision is still here. */
  since: number;
  /** Oldest first; what lies before #head is forgotten and dropped now and then. */
  #events: CacheEvent[] = [];
  #head = 0;
  /** Size of the objects of the kept events. */
  #bytes = 0;

  constructor(since: number) {
    this.since = since;
  }

  push(event: CacheEvent): void {
    this.#events.push(event);
    this.#bytes += event.entry.bytes.length;
    while (this.#events.length - this.#head > maxEvents || this.#bytes > maxBytes) this.#forget();
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }

  after(revision: number): CacheEvent[] {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#events[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }

  #forget(): void {
    const oldest = this.#events[this.#head]!;
    this.#bytes -= oldest.entry.bytes.length;
    this.since = oldest.revision;
    this.#events[this.#head++] = undefined as unknown as CacheEvent;
  }
}
