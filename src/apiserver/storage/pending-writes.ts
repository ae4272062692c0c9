import type { KubeObject } from '../../api/object.ts';

/**
 * Objects whose write is under way. When the write comes back as a store event, the cache takes over the parsed object
 * and need not parse the bytes again.
 */
export class PendingWrites {
  /** The newest write of each key, until its event or its failure. */
  readonly #writes = new Map<string, { value: Buffer; object: KubeObject }>();

  add(key: string, value: Buffer, object: KubeObject): void {
    this.#writes.set(key, { value, object });
  }

  /** The object of exactly these bytes, if the write was ours. */
  take(key: string, value: Uint8Array): KubeObject | undefined {
    const write = this.#writes.get(key);
    if (!write?.value.equals(value)) return undefined;
    this.#writes.delete(key);
    return write.object;
  }

  drop(key: string, value: Buffer): void {
    if (this.#writes.get(key)?.value === value) this.#writes.delete(key);
  }
}
