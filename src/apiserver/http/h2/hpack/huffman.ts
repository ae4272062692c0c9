/**
 * RFC 7541 appendix B. The code is canonical: shorter codes come first, among equals the lower symbol. So the lengths of
 * the 256 symbols say it all; the last code, 30 ones, is EOS.
 */
const lengths = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
];
const eos = 256;

/** What four bits do to the decoder in a state; no code is shorter than five, so they end one symbol at most. */
const emits = 0x100_00;
const fails = 0x200_00;
/** By state and four bits: the next state, the symbol in the second byte, and the above. */
let steps: Uint32Array | undefined;
/** States in which a string may end: after a whole symbol, or up to seven ones of padding (section 5.2). */
const final = new Set<number>();

/** Decodes into `to`, which has room for 8/5 of the bytes; returns the end, or -1 if it is no code of any string. */
export function decodeHuffman(from: Uint8Array, start: number, end: number, to: Uint8Array): number {
  steps ??= makeSteps();
  let state = 0;
  let out = 0;
  for (let at = start; at < end; at++) {
    const byte = from[at]!;
    let step = steps[(state << 4) | (byte >> 4)]!;
    if (step & emits) to[out++] = step >> 8;
    const failed = step;
    step = steps[((step & 0xff) << 4) | (byte & 0xf)]!;
    if ((failed | step) & fails) return -1;
    if (step & emits) to[out++] = step >> 8;
    state = step & 0xff;
  }
  return final.has(state) ? out : -1;
}

/** A node of the code's tree: what follows on 0 and on 1, a node or a symbol. */
type Node = [zero: Node | number | undefined, one: Node | number | undefined];

function makeSteps(): Uint32Array {
  const root: Node = [undefined, undefined];
  const nodes = [root];
  let code = 0;
  let length = 0;
  const bySize = [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  for (const symbol of [...bySize, eos]) {
    const bits = lengths[symbol] ?? 30;
    code *= 2 ** (bits - length);
    length = bits;
    insert(root, nodes, code, bits, symbol);
    code++;
  }
  let padding: Node | number | undefined = root;
  for (let ones = 0; ones < 8; ones++) {
    final.add(nodes.indexOf(padding as Node));
    padding = (padding as Node)[1];
  }
  const table = new Uint32Array(nodes.length << 4);
  for (const [state, node] of nodes.entries())
    for (let four = 0; four < 16; four++) table[(state << 4) | four] = stepFrom(node, four, root, nodes);
  return table;
}

function insert(root: Node, nodes: Node[], code: number, bits: number, symbol: number): void {
  let node = root;
  for (let n = bits - 1; n > 0; n--) {
    const bit = (code >>> n) & 1;
    let next = node[bit];
    if (next === undefined) {
      next = [undefined, undefined];
      nodes.push(next);
      node[bit] = next;
    }
    node = next as Node;
  }
  node[code & 1] = symbol;
}

function stepFrom(start: Node, four: number, root: Node, nodes: Node[]): number {
  let node = start;
  let step = 0;
  for (let n = 3; n >= 0; n--) {
    const next = node[(four >> n) & 1]!;
    if (next === eos) return fails;
    if (typeof next === 'number') {
      step = emits | (next << 8);
      node = root;
    } else node = next;
  }
  return step | nodes.indexOf(node);
}
