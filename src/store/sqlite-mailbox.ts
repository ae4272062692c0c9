/** A message: anything that JSON can say, and bytes. */
export interface Mail<Head> {
  head: Head;
  bytes: Uint8Array;
}

/** More than a batch of writes usually takes. */
const slotBytes = 128 << 10;
/** One message that is being worked on, and one that waits. */
const slots = 2;
/** In each slot: the length of the head, then that of the bytes. */
const lengths = 8;
/** In front of the slots: how many messages were sent and taken, as 32-bit counters that wrap around. */
const [sent, taken, slotsAt] = [0, 1, 8];
/** So long an announced message is waited for awake, in milliseconds: what a request takes until it is to be written. */
const awakeMs = 0.2;
const noBytes = new Uint8Array();

/**
 * Messages from one thread to another through shared memory: the short ones, which are most, cost neither side the cloning
 * of objects. A message that does not fit goes another way, while an empty slot keeps its place.
 */
export class Mailbox<Head> {
  readonly #counters: Int32Array;
  readonly #slots: readonly Buffer[];

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(slotsAt + slots * slotBytes);
  }

  /** One end: only sends, or only takes. */
  constructor(memory: SharedArrayBuffer) {
    this.#counters = new Int32Array(memory, 0, 2);
    this.#slots = Array.from({ length: slots }, (_, n) => Buffer.from(memory, slotsAt + n * slotBytes, slotBytes));
  }

  /** Sends these bytes end to end, as copies. Waits while all slots are full. */
  send(head: Head, parts: readonly Uint8Array[], sendLong: () => void): void {
    const number = this.#counters[sent]!;
    for (let read = this.#taken(); ((number - read) | 0) >= slots; read = this.#taken()) {
      Atomics.wait(this.#counters, taken, read);
    }
    const slot = this.#slotOf(number);
    const text = JSON.stringify(head);
    let length = 0;
    for (const part of parts) length += part.length;
    // A UTF-16 unit is three bytes of UTF-8 at most.
    if (lengths + 3 * text.length + length > slotBytes) {
      sendLong();
      slot.writeUInt32LE(0, 0);
    } else {
      let end = lengths + slot.write(text, lengths);
      slot.writeUInt32LE(end - lengths, 0);
      slot.writeUInt32LE(length, 4);
      for (const part of parts) {
        slot.set(part, end);
        end += part.length;
      }
    }
    Atomics.store(this.#counters, sent, number + 1);
    Atomics.notify(this.#counters, sent);
  }

  /** The next message, if there is one; not one that went another way and has not come yet. */
  take(takeLong: () => Mail<Head> | undefined): Mail<Head> | undefined {
    const number = this.#counters[taken]!;
    if (number === Atomics.load(this.#counters, sent)) return undefined;
    const slot = this.#slotOf(number);
    const bytesAt = lengths + slot.readUInt32LE(0);
    const length = slot.readUInt32LE(4);
    const mail =
      bytesAt === lengths
        ? takeLong()
        : {
            head: JSON.parse(slot.toString('utf8', lengths, bytesAt)) as Head,
            bytes: length > 0 ? Uint8Array.prototype.slice.call(slot.subarray(bytesAt, bytesAt + length)) : noBytes,
          };
    if (!mail) return undefined;
    Atomics.store(this.#counters, taken, number + 1);
    Atomics.notify(this.#counters, taken);
    return mail;
  }

  /** Wakes whoever waits for a message, which is to be sent soon: that takes as long as to make one. */
  announce(): void {
    Atomics.notify(this.#counters, sent);
  }

  /** Waits until there is a message, at most so long; once it is announced, for a moment awake. */
  wait(timeoutMs: number): void {
    const seen = this.#counters[taken]!;
    if (Atomics.wait(this.#counters, sent, seen, timeoutMs) !== 'ok') return;
    const untilMs = performance.now() + awakeMs;
    while (Atomics.load(this.#counters, sent) === seen && performance.now() < untilMs);
  }

  #taken(): number {
    return Atomics.load(this.#counters, taken);
  }

  #slotOf(number: number): Buffer {
    return this.#slots[number & (slots - 1)]!;
  }
}
