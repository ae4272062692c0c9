import type { IPBlock } from '../../api/generated/networking-v1.ts';
import { addressToNumber, cidrRange, numberToAddress, type Range } from '../../base/cidr.ts';

/** The IPv4 addresses of a block without its exceptions; none of an IPv6 block. */
export function blockRanges({ cidr, except = [] }: IPBlock): Range[] {
  if (cidr.includes(':')) return [];
  const holes = except.filter((hole) => !hole.includes(':')).map(cidrRange);
  return holes.reduce((ranges, hole) => ranges.flatMap((range) => without(range, hole)), [cidrRange(cidr)]);
}

export function addressRange(address: string): Range {
  const number = addressToNumber(address);
  return { first: number, last: number };
}

/** As elements of an nftables interval set, which may not overlap: '10.0.0.1', '10.0.1.0-10.0.2.7'. */
export function disjointElements(ranges: Range[]): string[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = merged.at(-1);
    if (last && range.first <= last.last) last.last = Math.max(last.last, range.last);
    else merged.push({ ...range });
  }
  return merged.map(({ first, last }) =>
    first === last ? numberToAddress(first) : `${numberToAddress(first)}-${numberToAddress(last)}`,
  );
}

function without(range: Range, hole: Range): Range[] {
  const before = { first: range.first, last: Math.min(range.last, hole.first - 1) };
  const after = { first: Math.max(range.first, hole.last + 1), last: range.last };
  return [before, after].filter(({ first, last }) => first <= last);
}
