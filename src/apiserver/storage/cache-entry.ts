import type { KubeObject } from '../../api/object.ts';

/** One object as it was at one revision: the JSON bytes that clients get, and the parsed object when somebody asks for it. */
export class CacheEntry {
  readonly key: string;
  readonly revision: number;
  /** The final JSON, resourceVersion inside. Shared by every answer: never written to. */
  readonly bytes: Buffer;
  /** Parsed at a use, and kept while it is one of the newest that were; shared, never modified. */
  #object: KubeObject | undefined;
  /** The object's labels once they are known: lists by label need not parse again what was forgotten. */
  #labels: Labels | undefined;

  constructor(key: string, revision: number, bytes: Buffer, object?: KubeObject) {
    this.key = key;
    this.revision = revision;
    this.bytes = bytes;
    if (object) this.#keep(object);
  }

  /** The shared object: read only. */
  get object(): KubeObject {
    return this.#object ?? this.#keep(parse(this.bytes));
  }

  get labels(): Labels {
    this.#labels ??= this.object.metadata.labels ?? noLabels;
    return this.#labels;
  }

  #keep(object: KubeObject): KubeObject {
    this.#object = object;
    this.#labels ??= object.metadata.labels ?? noLabels;
    parsed.add(this);
    return object;
  }

  /** Something newer has come: history is kept as bytes only, and parsed again if ever asked for. */
  forgetObject(): void {
    this.#object = undefined;
  }

  /** A copy of one's own, to be changed. */
  copy(): KubeObject {
    return parse(this.bytes);
  }
}

type Labels = Readonly<Record<string, string>>;

const noLabels: Labels = Object.freeze({});

/** The size of the entries whose objects are kept: parsed they take two to three times as much. */
const maxParsedBytes = 8 << 20;

/**
 * The entries that were parsed last. Bytes are what most requests need; of all objects of a large cluster, parsed ones
 * would be most of the server's memory.
 */
class ParsedEntries {
  /** Oldest first; what lies before #head has been forgotten, and is dropped now and then. */
  #entries: CacheEntry[] = [];
  #head = 0;
  /** Of the entries from #head on. */
  #bytes = 0;

  add(entry: CacheEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes.length;
    while (this.#bytes > maxParsedBytes && this.#head < this.#entries.length - 1) {
      const oldest = this.#entries[this.#head]!;
      this.#entries[this.#head++] = undefined as unknown as CacheEntry;
      this.#bytes -= oldest.bytes.length;
      oldest.forgetObject();
    }
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

const parsed = new ParsedEntries();

/** The entry of a stored value: `object`, if known, is the value parsed, and gets its resourceVersion here. */
export function entryOf(key: string, stored: Uint8Array, revision: number, object?: KubeObject): CacheEntry {
  if (object) object.metadata.resourceVersion = String(revision);
  return new CacheEntry(key, revision, splice(stored, revision), object);
}

/** The last state of a deleted object carries the revision of its deletion (apiserver pkg/storage/etcd3/watcher.go). */
export function deletedEntry(last: CacheEntry, revision: number): CacheEntry {
  const start = last.bytes.indexOf(spliced) + spliced.length;
  const end = last.bytes.indexOf(0x22, start);
  const digits = Buffer.from(String(revision));
  const bytes = Buffer.concat([last.bytes.subarray(0, start), digits, last.bytes.subarray(end)]);
  return new CacheEntry(last.key, revision, bytes);
}

/**
 * What is stored: JSON without resourceVersion, which is only known once the write has happened. `kind` and
 * `apiVersion` come first, so that the first '"metadata":{' is the splice point.
 */
export function encodeStored(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _assigned, ...stored } = metadata;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: stored, ...rest }));
}

/** Stored JSON with its resourceVersion. */
export function splice(stored: Uint8Array, revision: number): Buffer {
  const from = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const at = from.indexOf(metadataOpen) + metadataOpen.length;
  const insert = `"resourceVersion":"${revision}",`;
  // Slow: entries live long, and a slice of the shared pool would keep its whole slab alive.
  const out = Buffer.allocUnsafeSlow(from.length + insert.length);
  from.copy(out, 0, 0, at);
  out.write(insert, at, 'latin1');
  from.copy(out, at + insert.length, at);
  return out;
}

const metadataOpen = Buffer.from('"metadata":{');
const spliced = Buffer.from('"metadata":{"resourceVersion":"');

function parse(bytes: Buffer): KubeObject {
  return JSON.parse(bytes.toString('utf8'));
}
