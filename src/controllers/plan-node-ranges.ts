import { cidrRange, numberToAddress, overlaps } from '../base/cidr.ts';

/** What the range of a node's Pods depends on. */
export interface NodeRanges {
  /** '10.64.0.0/16'. */
  clusterCidr: string;
  /** Of each node's part. */
  prefixLength: number;
  /** Parts that nodes have. */
  taken: string[];
}

/** The first part of the cluster's range that overlaps with none that is taken; undefined when there is none left. Pure. */
export function nextNodeRange({ clusterCidr, prefixLength, taken }: NodeRanges): string | undefined {
  const { first, last } = cidrRange(clusterCidr);
  // A node that somebody made by hand may have one of IPv6.
  const used = taken.filter((range) => !range.includes(':'));
  const size = 2 ** (32 - prefixLength);
  for (let base = first; base + size - 1 <= last; base += size) {
    const part = `${numberToAddress(base)}/${prefixLength}`;
    if (!used.some((range) => overlaps(range, part))) return part;
  }
  return undefined;
}
