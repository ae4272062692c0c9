/** The IPv4 addresses of a CIDR as numbers, without the first and, if there is room, the last. */
export interface AddressRange {
  cidr: string;
  /** The network's address. */
  base: number;
  /** How many addresses there are to hand out: base + 1 … base + size. */
  size: number;
}

export function parseAddressRange(cidr: string): AddressRange {
  const [address = '', bits = ''] = cidr.split('/');
  const base = parseAddress(address);
  if (base === undefined || !/^\d+$/.test(bits) || Number(bits) > 30) {
    throw new Error(`service range ${JSON.stringify(cidr)} is not an IPv4 CIDR`);
  }
  return { cidr, base, size: 2 ** (32 - Number(bits)) - 2 };
}

/** An IPv4 address as a number; undefined for what is none. */
export function parseAddress(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const bytes = match.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}
