import fs from 'node:fs';

/** AT_PAGESZ (getauxval(3)): 4 KiB, or 16 or 64 KiB on some 64-bit ARM. */
const pageSizeEntry = 6n;

export const pageSize = readPageSize();

function readPageSize(): number {
  const auxv = fs.readFileSync('/proc/self/auxv');
  for (let at = 0; at + 16 <= auxv.length; at += 16)
    if (auxv.readBigUInt64LE(at) === pageSizeEntry) return Number(auxv.readBigUInt64LE(at + 8));
  return 4096;
}
