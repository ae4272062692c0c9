import fs from 'node:fs';

/**
 * One value of a bbolt database (containerd keeps its metadata in one), read without its lock: pages are never changed
 * in place, so what the newest root refers to is whole. Format: go.etcd.io/bbolt, page.go, node.go, bucket.go.
 */
export function readBolt(file: string, buckets: string[], key: string): string | undefined {
  try {
    const database = openDatabase(fs.readFileSync(file));
    let bucket: Bucket | undefined = database && { database, root: database.root, inline: undefined };
    for (const name of buckets) bucket = bucket && enter(bucket, name);
    return bucket && find(bucket, key)?.value.toString('utf8');
  } catch {
    return undefined; // none, not ours to read, or written over while we read
  }
}

const magic = 0xed0cdaed;
const [branchPage, leafPage] = [0x01, 0x02];
const bucketFlag = 0x01;
const headerSize = 16;

interface Database {
  bytes: Buffer;
  pageSize: number;
  /** Page of the root bucket. */
  root: number;
}

interface Bucket {
  database: Database;
  root: number;
  /** Small buckets are a page within the value. */
  inline: Buffer | undefined;
}

/** Pages 0 and 1 are meta pages; the one with the higher transaction counts. */
function openDatabase(bytes: Buffer): Database | undefined {
  const pageSize = bytes.readUInt32LE(headerSize + 8);
  const metas = [headerSize, pageSize + headerSize].filter((at) => bytes.readUInt32LE(at) === magic);
  const transaction = (at: number) => bytes.readBigUInt64LE(at + 48);
  const newest = metas.sort((a, b) => Number(transaction(b) - transaction(a)))[0];
  return newest === undefined ? undefined : { bytes, pageSize, root: Number(bytes.readBigUInt64LE(newest + 16)) };
}

function enter(bucket: Bucket, name: string): Bucket | undefined {
  const found = find(bucket, name);
  if (!found || !(found.flags & bucketFlag)) return undefined;
  const root = Number(found.value.readBigUInt64LE(0));
  return { database: bucket.database, root, inline: root === 0 ? found.value.subarray(headerSize) : undefined };
}

function find({ database, root, inline }: Bucket, key: string): { flags: number; value: Buffer } | undefined {
  const wanted = Buffer.from(key);
  let page = inline ?? pageAt(database, root);
  // Deeper than any tree is: a file that is written over must not hold us up.
  for (let depth = 0; depth < 64; depth++) {
    const flags = page.readUInt16LE(8);
    const count = page.readUInt16LE(10);
    if (flags & leafPage) return findInLeaf(page, count, wanted);
    if (!(flags & branchPage)) return undefined;
    page = pageAt(database, childFor(page, count, wanted));
  }
  return undefined;
}

const pageAt = ({ bytes, pageSize }: Database, page: number): Buffer => bytes.subarray(page * pageSize);

/** The last child whose first key is not greater. */
function childFor(page: Buffer, count: number, wanted: Buffer): number {
  let child = Number(page.readBigUInt64LE(headerSize + 8));
  for (let i = 0; i < count; i++) {
    const at = headerSize + i * 16;
    const key = slice(page, at + page.readUInt32LE(at), page.readUInt32LE(at + 4));
    if (key.compare(wanted) > 0) break;
    child = Number(page.readBigUInt64LE(at + 8));
  }
  return child;
}

function findInLeaf(page: Buffer, count: number, wanted: Buffer): { flags: number; value: Buffer } | undefined {
  for (let i = 0; i < count; i++) {
    const at = headerSize + i * 16;
    const [flags, offset, keySize, valueSize] = [0, 4, 8, 12].map((field) => page.readUInt32LE(at + field)) as [
      number,
      number,
      number,
      number,
    ];
    if (slice(page, at + offset, keySize).equals(wanted))
      return { flags, value: slice(page, at + offset + keySize, valueSize) };
  }
  return undefined;
}

const slice = (page: Buffer, start: number, length: number): Buffer => page.subarray(start, start + length);
