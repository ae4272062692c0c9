import fs from 'node:fs';
import path from 'node:path';
import { cidrRange, numberToAddress } from '../base/cidr.ts';

/** The address of each id in a pool's file; none without a file. */
export function readAddresses(file: string): Map<string, string> {
  const byId = new Map<string, string>();
  if (!fs.existsSync(file)) return byId;
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  lines.pop(); // what follows the last newline is nothing, or a line that a crash cut short
  for (const line of lines) {
    const [operation, id = '', address = ''] = line.split(' ');
    byId.delete(id);
    if (operation === '+') byId.set(id, address);
  }
  return byId;
}

/**
 * Addresses of one range given to ids, durable in a file of '+ id address' and '- id' lines. The next free address after
 * the one given last is taken, so that an address rests before it is used again.
 */
export class AddressPool {
  readonly #file: string;
  readonly #first: number;
  readonly #size: number;
  /** Address of each id, as offsets from #first; the file says the same. */
  readonly #byId = new Map<string, number>();
  /** Offsets in use. */
  readonly #taken = new Set<number>();
  /** Offset to try first. */
  #next = 0;
  /** Lines of the file that a rewrite would drop. */
  #stale = 0;

  /** Network and broadcast address are left out, and the first host address too, by custom a router's. */
  constructor(cidr: string, file: string) {
    const { first, last } = cidrRange(cidr);
    this.#first = first + 2;
    this.#size = last - first - 2;
    this.#file = file;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    this.#read();
  }

  allocate(id: string): string {
    const known = this.get(id);
    if (known) return known;
    for (let tried = 0; tried < this.#size; tried++) {
      const offset = (this.#next + tried) % this.#size;
      if (this.#taken.has(offset)) continue;
      const address = numberToAddress(this.#first + offset);
      this.#append(`+ ${id} ${address}\n`);
      this.#put(id, offset);
      return address;
    }
    throw new Error(`no free address: all ${this.#size} of the range are in use`);
  }

  free(id: string): void {
    if (!this.#drop(id)) return;
    this.#append(`- ${id}\n`);
    this.#stale += 2;
    if (this.#stale > 1000 && this.#stale > 2 * this.#byId.size) this.#rewrite();
  }

  get(id: string): string | undefined {
    const offset = this.#byId.get(id);
    return offset === undefined ? undefined : numberToAddress(this.#first + offset);
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  #put(id: string, offset: number): void {
    this.#byId.set(id, offset);
    this.#taken.add(offset);
    this.#next = (offset + 1) % this.#size;
  }

  #drop(id: string): boolean {
    const offset = this.#byId.get(id);
    if (offset === undefined) return false;
    this.#byId.delete(id);
    this.#taken.delete(offset);
    return true;
  }

  /** A disk that is full in the middle of a line must not spoil the next one. */
  #append(line: string): void {
    const before = fs.statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
    try {
      fs.appendFileSync(this.#file, line);
    } catch (error) {
      fs.truncateSync(this.#file, before);
      throw error;
    }
  }

  #read(): void {
    if (!fs.existsSync(this.#file)) return;
    for (const [id, address] of readAddresses(this.#file)) this.#put(id, cidrRange(address).first - this.#first);
    this.#rewrite();
  }

  #rewrite(): void {
    const lines = [...this.#byId].map(([id, offset]) => `+ ${id} ${numberToAddress(this.#first + offset)}\n`);
    fs.writeFileSync(`${this.#file}.tmp`, lines.join(''));
    fs.renameSync(`${this.#file}.tmp`, this.#file);
    this.#stale = 0;
  }
}
