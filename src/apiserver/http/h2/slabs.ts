/** Of long answers so much is framed at a time: what fits into a processor's cache. */
export const slabBytes = 256 << 10;
/** More are not kept. */
const mostKept = 8;

const kept: Buffer[] = [];

/** Memory for long answers, used again and again: fresh memory costs as much time as what is done with it. */
export function takeSlab(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
}

/** Once nobody reads it any more. */
export function giveBack(slab: Buffer): void {
  if (kept.length < mostKept) kept.push(slab);
}
