/** Names of the shared libraries that an ELF file needs, and its interpreter; undefined for other files (elf(5)). */
export function elfNeeded(data: Buffer): { libraries: string[]; interpreter?: string } | undefined {
  if (data.length < 64 || data.readUInt32BE(0) !== 0x7f454c46 || data[4] !== 2 || data[5] !== 1) return undefined;
  const segments = programHeaders(data);
  const interpreter = segments.find((segment) => segment.type === 3);
  const dynamic = segments.find((segment) => segment.type === 2);
  const libraries: string[] = [];
  const tags: { tag: number; value: number }[] = [];
  for (let at = dynamic?.offset ?? 0; dynamic && at + 16 <= dynamic.offset + dynamic.fileSize; at += 16) {
    const tag = Number(data.readBigInt64LE(at));
    if (tag === 0) break;
    tags.push({ tag, value: Number(data.readBigUInt64LE(at + 8)) });
  }
  const stringTable = tags.find(({ tag }) => tag === 5)?.value;
  for (const { tag, value } of tags) {
    if (tag === 1 && stringTable !== undefined) libraries.push(text(data, toOffset(segments, stringTable) + value));
  }
  return { libraries, ...(interpreter && { interpreter: text(data, interpreter.offset) }) };
}

interface Segment {
  type: number;
  offset: number;
  address: number;
  fileSize: number;
}

function programHeaders(data: Buffer): Segment[] {
  const start = Number(data.readBigUInt64LE(32));
  const size = data.readUInt16LE(54);
  return Array.from({ length: data.readUInt16LE(56) }, (_, index) => {
    const at = start + index * size;
    return {
      type: data.readUInt32LE(at),
      offset: Number(data.readBigUInt64LE(at + 8)),
      address: Number(data.readBigUInt64LE(at + 16)),
      fileSize: Number(data.readBigUInt64LE(at + 32)),
    };
  });
}

function toOffset(segments: Segment[], address: number): number {
  const segment = segments.find(
    (load) => load.type === 1 && address >= load.address && address < load.address + load.fileSize,
  );
  return segment ? address - segment.address + segment.offset : address;
}

function text(data: Buffer, at: number): string {
  return data.toString('latin1', at, data.indexOf(0, at));
}
