import net from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';

export class CelAddress {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export class CelCidr {
  readonly address: CelAddress;
  readonly bits: number;
  constructor(address: CelAddress, bits: number) {
    this.address = address;
    this.bits = bits;
  }
}

class IpNamespace {}

/** IP addresses and networks (apiserver pkg/cel/library/ip.go, cidr.go). */
export function registerAddresses(environment: Environment): void {
  const sync = { async: false };
  const is = (test: (address: string) => boolean) => (one: CelAddress) => test(spelled(one.bytes));
  environment
    .registerType('net.IP', CelAddress)
    .registerType('net.CIDR', CelCidr)
    .registerType('IpNamespace', IpNamespace)
    .registerConstant('ip', 'IpNamespace', new IpNamespace())
    .registerOperator('net.IP == net.IP', (a: CelAddress, b: CelAddress) => Buffer.compare(a.bytes, b.bytes) === 0)
    .registerOperator('net.CIDR == net.CIDR', (a: CelCidr, b: CelCidr) => shownCidr(a) === shownCidr(b))
    .registerFunction('isIP(string): bool', (text: string) => parseAddress(text) !== undefined, sync)
    .registerFunction('ip(string): net.IP', mustParseAddress, sync)
    .registerFunction(
      'IpNamespace.isCanonical(string): bool',
      (_, text: string) => spelled(mustParseAddress(text).bytes) === text,
      sync,
    )
    .registerFunction('string(net.IP): string', (one: CelAddress) => spelled(one.bytes), sync)
    .registerFunction('net.IP.family(): int', ({ bytes }: CelAddress) => (bytes.length === 4 ? 4n : 6n), sync)
    .registerFunction(
      'net.IP.isUnspecified(): bool',
      is((address) => address === '0.0.0.0' || address === '::'),
      sync,
    )
    .registerFunction(
      'net.IP.isLoopback(): bool',
      is((address) => /^127\.|^::1$/.test(address)),
      sync,
    )
    .registerFunction('net.IP.isLinkLocalMulticast(): bool', is(isLinkLocalMulticast), sync)
    .registerFunction('net.IP.isLinkLocalUnicast(): bool', is(isLinkLocalUnicast), sync)
    .registerFunction('net.IP.isGlobalUnicast(): bool', is(isGlobalUnicast), sync)
    .registerFunction('isCIDR(string): bool', (text: string) => parseCidr(text) !== undefined, sync)
    .registerFunction('cidr(string): net.CIDR', mustParseCidr, sync)
    .registerFunction('string(net.CIDR): string', shownCidr, sync)
    .registerFunction(
      'net.CIDR.containsIP(string): bool',
      (range: CelCidr, one: string) => contains(range, mustParseAddress(one)),
      sync,
    )
    .registerFunction('net.CIDR.containsIP(net.IP): bool', contains, sync)
    .registerFunction(
      'net.CIDR.containsCIDR(string): bool',
      (range: CelCidr, text: string) => containsRange(range, mustParseCidr(text)),
      sync,
    )
    .registerFunction('net.CIDR.containsCIDR(net.CIDR): bool', containsRange, sync)
    .registerFunction('net.CIDR.prefixLength(): int', (range: CelCidr) => BigInt(range.bits), sync)
    .registerFunction('net.CIDR.ip(): net.IP', (range: CelCidr) => range.address, sync)
    .registerFunction(
      'net.CIDR.masked(): net.CIDR',
      (range: CelCidr) => new CelCidr(new CelAddress(masked(range.address.bytes, range.bits)), range.bits),
      sync,
    );
}

/** Zones and IPv4 addresses in the clothes of IPv6 are refused, as netip.ParseAddr's callers do. */
function parseAddress(text: string): CelAddress | undefined {
  if (net.isIPv4(text)) return new CelAddress(Uint8Array.from(text.split('.'), Number));
  if (!net.isIPv6(text) || text.includes('%')) return undefined;
  const bytes = bytesOf(text);
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? undefined : new CelAddress(bytes);
}

function bytesOf(text: string): Uint8Array {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain = dotted
    ? text.slice(0, dotted.index) +
      [0, 2].map((i) => ((Number(dotted[i + 1]) << 8) | Number(dotted[i + 2])).toString(16)).join(':')
    : text;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const [left, right] = [groups(head), groups(tail ?? '')];
  const all = tail === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((group: number) => [group >> 8, group & 0xff]));
}

function mustParseAddress(text: string): CelAddress {
  const address = parseAddress(text);
  if (!address)
    throw new Error(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`,
    );
  return address;
}

/** RFC 5952: the longest run of zeros is left out. */
function spelled(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const host = new URL(
    `http://[${Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16)).join(':')}]/`,
  );
  return host.hostname.slice(1, -1);
}

const isLinkLocalMulticast = (address: string) => /^224\.0\.0\.|^ff[0-9a-f]2:/.test(address);
const isLinkLocalUnicast = (address: string) => /^169\.254\.|^fe[89ab][0-9a-f]:/.test(address);
const isMulticast = (address: string) => /^2(?:2[4-9]|3\d)\.|^ff/.test(address);
const isGlobalUnicast = (address: string) =>
  !['0.0.0.0', '::', '255.255.255.255', '::1'].includes(address) &&
  !/^127\./.test(address) &&
  !isMulticast(address) &&
  !isLinkLocalUnicast(address);

function parseCidr(text: string): CelCidr | undefined {
  const [address = '', bits = '', ...rest] = text.split('/');
  const parsed = parseAddress(address);
  if (rest.length > 0 || !parsed || !/^(0|[1-9]\d*)$/.test(bits)) return undefined;
  return Number(bits) <= parsed.bytes.length * 8 ? new CelCidr(parsed, Number(bits)) : undefined;
}

function mustParseCidr(text: string): CelCidr {
  const parsed = parseCidr(text);
  if (!parsed)
    throw new Error(
      `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)})`,
    );
  return parsed;
}

const shownCidr = ({ address, bits }: CelCidr) => `${spelled(address.bytes)}/${bits}`;

const masked = (bytes: Uint8Array, bits: number) =>
  bytes.map((byte, i) => byte & (0xff << Math.min(8, Math.max(0, 8 * (i + 1) - bits))) & 0xff);

const contains = ({ address, bits }: CelCidr, { bytes }: CelAddress) =>
  address.bytes.length === bytes.length && Buffer.compare(masked(address.bytes, bits), masked(bytes, bits)) === 0;

const containsRange = (range: CelCidr, inner: CelCidr) => inner.bits >= range.bits && contains(range, inner.address);
