import type { KubeObject } from '../../api/object.ts';

interface PendingWrite {
  key: string;
  value: Buffer;
  object: KubeObject;
}

/**
 * Objects whose write is under way. When the write comes back as a store event, the cache takes over the parsed object
 * and need not parse the bytes again.
 */
export class PendingWrites {
  /** Oldest first, until their event or failure: events mostly come in this order. */
  readonly #writes: PendingWrite[] = [];

  add(key: string, value: Buffer, object: KubeObject): void {
    this.#writes.push({ key, value, object });
  }

  /** The object of exactly these bytes, if the write was ours. */
  take(key: string, value: Uint8Array): KubeObject | undefined {
    return this.#remove((write) => write.value === value || (write.key === key && write.value.equals(value)));
  }

  /** Nothing happens if it was taken. */
  drop(value: Buffer): void {
    this.#remove((write) => write.value === value);
  }

  #remove(isIt: (write: PendingWrite) => boolean): KubeObject | undefined {
    const index = this.#writes.findIndex(isIt);
    if (index < 0) return undefined;
    return this.#writes.splice(index, 1)[0]!.object;
  }
}
