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
  const cluster = rangeOf(clusterCidr);
  const used = taken.map(rangeOf);
  const size = 2 ** (32 - prefixLength);
  for (let first = cluster.first; first + size - 1 <= cluster.last; first += size) {
    const last = first + size - 1;
    if (!used.some((range) => range.first <= last && first <= range.last)) return `${addressOf(first)}/${prefixLength}`;
  }
  return undefined;
}

function rangeOf(cidr: string): { first: number; last: number } {
  const [address = '', length = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(length));
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const first = number - (number % size);
  return { first, last: first + size - 1 };
}

const addressOf = (number: number): string =>
  [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.');
