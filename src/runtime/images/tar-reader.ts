/** One member of a tar archive; `body` must be consumed (or left to the reader, which skips the rest) before the next. */
export interface TarEntry {
  name: string;
  type: 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Seconds since the epoch, with a fraction. */
  mtime: number;
  linkName: string;
  major: number;
  minor: number;
  /** Extended attributes, from PAX records SCHILY.xattr.NAME. */
  xattrs: Map<string, Buffer>;
  body: AsyncIterable<Buffer>;
}

/**
 * Reads ustar, PAX (POSIX.1-2001) and GNU long-name archives. Own code, as tar-stream decodes PAX values as UTF-8 and so
 * spoils binary extended attributes (file capabilities).
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const bytes = new ByteSource(source);
  const globals = new Map<string, Buffer>();
  let pax = new Map<string, Buffer>();
  let longName: string | undefined;
  let longLink: string | undefined;
  for (;;) {
    const header = await bytes.read(512, true);
    if (!header || isZero(header)) break;
    checkSum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = number(header, 124, 12);
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      if (size > maxHeaderBytes) throw new Error(`extended tar header of ${size} bytes is too long`);
      const data = (await bytes.read(size)) as Buffer;
      await bytes.skip(padding(size));
      if (type === 'x') pax = paxRecords(data);
      else if (type === 'g') for (const [key, value] of paxRecords(data)) globals.set(key, value);
      else if (type === 'L') longName = cString(data, 0, data.length);
      else longLink = cString(data, 0, data.length);
      continue;
    }
    const entry = toEntry(header, type, size, new Map([...globals, ...pax]), longName, longLink);
    pax = new Map();
    longName = longLink = undefined;
    const body = new EntryBody(bytes, entry.type === 'file' ? entry.size : hasBody(type) ? size : 0);
    yield { ...entry, body };
    await body.drain();
  }
  await bytes.drain();
}

const maxHeaderBytes = 1 << 20;

class EntryBody {
  readonly #bytes: ByteSource;
  /** Bytes of this member that nobody has read yet. */
  #left: number;
  readonly #padding: number;

  constructor(bytes: ByteSource, size: number) {
    this.#bytes = bytes;
    this.#left = size;
    this.#padding = padding(size);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      const chunk = await this.#bytes.some(this.#left);
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  async drain(): Promise<void> {
    await this.#bytes.skip(this.#left + this.#padding);
    this.#left = 0;
  }
}

class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  /** Bytes that came from the source and were not handed out yet. */
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes; undefined at a clean end if `optional`. */
  async read(count: number, optional = false): Promise<Buffer | undefined> {
    if (this.#buffer.length < count) {
      const parts = [this.#buffer];
      let have = this.#buffer.length;
      while (have < count) {
        const chunk = await this.#next();
        if (!chunk) {
          if (optional && have === 0) return undefined;
          throw new Error('unexpected end of tar archive');
        }
        parts.push(chunk);
        have += chunk.length;
      }
      this.#buffer = Buffer.concat(parts);
    }
    const result = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return result;
  }

  /** At least one and at most `max` bytes. */
  async some(max: number): Promise<Buffer> {
    if (this.#buffer.length === 0) {
      const chunk = await this.#next();
      if (!chunk) throw new Error('unexpected end of tar archive');
      this.#buffer = chunk;
    }
    const result = this.#buffer.subarray(0, max);
    this.#buffer = this.#buffer.subarray(result.length);
    return result;
  }

  async skip(count: number): Promise<void> {
    while (count > 0) count -= (await this.some(count)).length;
  }

  /** Reads to the end, so that a hash over the source sees every byte. */
  async drain(): Promise<void> {
    this.#buffer = Buffer.alloc(0);
    while (await this.#next());
  }

  async #next(): Promise<Buffer | undefined> {
    for (;;) {
      const { value, done } = await this.#iterator.next();
      if (done) return undefined;
      if (value.length > 0) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }
}

function toEntry(
  header: Buffer,
  type: string,
  headerSize: number,
  pax: Map<string, Buffer>,
  longName?: string,
  longLink?: string,
): Omit<TarEntry, 'body'> {
  const text = (key: string) => pax.get(key)?.toString();
  const value = (key: string, otherwise: number) => (pax.has(key) ? Number(text(key)) : otherwise);
  const ustar = header.toString('latin1', 257, 262) === 'ustar' && header[262] === 0;
  const prefix = ustar ? cString(header, 345, 155) : '';
  const short = cString(header, 0, 100);
  const name = text('path') ?? longName ?? (prefix ? `${prefix}/${short}` : short);
  const xattrs = new Map<string, Buffer>();
  for (const [key, data] of pax) if (key.startsWith('SCHILY.xattr.')) xattrs.set(key.slice(13), data);
  return {
    name,
    type:
      type !== '0' && type !== '\0' && type !== '7' ? entryType(type, name) : name.endsWith('/') ? 'directory' : 'file',
    mode: number(header, 100, 8) & 0o7777,
    uid: value('uid', number(header, 108, 8)),
    gid: value('gid', number(header, 116, 8)),
    size: value('size', headerSize),
    mtime: value('mtime', number(header, 136, 12)),
    linkName: text('linkpath') ?? longLink ?? cString(header, 157, 100),
    major: number(header, 329, 8),
    minor: number(header, 337, 8),
    xattrs,
  };
}

function entryType(type: string, name: string): TarEntry['type'] {
  const types: Record<string, TarEntry['type']> = {
    1: 'link',
    2: 'symlink',
    3: 'char',
    4: 'block',
    5: 'directory',
    6: 'fifo',
  };
  const known = types[type];
  if (!known) throw new Error(`tar member '${name}' is of unsupported type '${type}'`);
  return known;
}

/** Links of some writers carry a size without data (POSIX: ignored for 1 to 6). */
function hasBody(type: string): boolean {
  return !/[1-6]/.test(type);
}

function paxRecords(data: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= 0 || at + length > data.length) {
      throw new Error('malformed PAX record in tar archive');
    }
    const equals = data.indexOf(0x3d, space);
    records.set(data.toString('utf8', space + 1, equals), Buffer.from(data.subarray(equals + 1, at + length - 1)));
    at += length;
  }
  return records;
}

/** Octal text, or base-256 when the top bit is set (GNU). */
function number(header: Buffer, at: number, length: number): number {
  if ((header[at] ?? 0) & 0x80) {
    let result = (header[at] ?? 0) & 0x7f;
    for (let i = 1; i < length; i++) result = result * 256 + (header[at + i] ?? 0);
    return result;
  }
  const text = cString(header, at, length).trim();
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function cString(data: Buffer, at: number, length: number): string {
  const end = data.indexOf(0, at);
  return data.toString('utf8', at, end < 0 || end > at + length ? at + length : end);
}

function checkSum(header: Buffer): void {
  let sum = 8 * 0x20;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += header[i] ?? 0;
  if (sum !== number(header, 148, 8)) throw new Error('invalid tar header: checksum does not match');
}

const padding = (size: number): number => (512 - (size % 512)) % 512;
const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);
