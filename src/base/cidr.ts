/** IPv4 addresses as numbers, and ranges of them. */
export interface Range {
  first: number;
  last: number;
}

export function addressToNumber(address: string): number {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || !parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)) {
    throw new Error(`invalid IPv4 address '${address}'`);
  }
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function numberToAddress(number: number): string {
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.');
}

export function cidrRange(cidr: string): Range {
  const [address = '', length = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(length));
  const number = addressToNumber(address);
  const first = number - (number % size);
  return { first, last: first + size - 1 };
}

export function overlaps(a: string, b: string): boolean {
  const left = cidrRange(a);
  const right = cidrRange(b);
  return left.first <= right.last && right.first <= left.last;
}

export function containsAddress(cidr: string, address: string): boolean {
  const { first, last } = cidrRange(cidr);
  const number = addressToNumber(address);
  return number >= first && number <= last;
}
