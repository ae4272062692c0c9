import net from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';
import { compareQuantities, parseQuantity } from './quantities.ts';

/** What a quantity is within an expression. */
export class CelQuantity {
  readonly text: string;
  readonly amount: bigint;
  constructor(text: string, amount: bigint) {
    this.text = text;
    this.amount = amount;
  }
}

export class CelUrl {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}

export class CelAddress {
  readonly address: string;
  constructor(address: string) {
    this.address = address;
  }
}

export class CelCidr {
  readonly address: string;
  readonly bits: number;
  constructor(address: string, bits: number) {
    this.address = address;
    this.bits = bits;
  }
}

/** The libraries that Kubernetes adds to CEL: lists, regular expressions, URLs, quantities, addresses (apiserver pkg/cel/library). */
export function registerKubernetesFunctions(environment: Environment): void {
  registerLists(environment);
  registerStrings(environment);
  registerUrls(environment);
  registerQuantities(environment);
  registerAddresses(environment);
}

function registerLists(environment: Environment): void {
  environment
    .registerFunction('list.isSorted(): bool', (list: never[]) =>
      list.every((item, i) => i === 0 || list[i - 1]! <= item),
    )
    .registerFunction('list.sum(): dyn', (list: never[]) => {
      if (list.length === 0) return 0n as never;
      return list.reduce((a, b) => ((a as number) + (b as number)) as never);
    })
    .registerFunction('list.min(): dyn', (list: never[]) => extreme(list, (a, b) => a < b, 'min'))
    .registerFunction('list.max(): dyn', (list: never[]) => extreme(list, (a, b) => a > b, 'max'))
    .registerFunction('list.indexOf(dyn): int', (list: unknown[], item: unknown) => BigInt(list.indexOf(item)))
    .registerFunction('list.lastIndexOf(dyn): int', (list: unknown[], item: unknown) => BigInt(list.lastIndexOf(item)));
}

function extreme<T>(list: T[], better: (a: T, b: T) => boolean, name: string): T {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, item) => (better(item, best) ? item : best), first);
}

function registerStrings(environment: Environment): void {
  const expression = (text: string, flags = '') => new RegExp(text, `u${flags}`);
  environment
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => expression(pattern).exec(text)?.[0] ?? '',
    )
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      [...text.matchAll(expression(pattern, 'g'))].map(([all]) => all),
    )
    .registerFunction('string.findAll(string, int): list<string>', (text: string, pattern: string, limit: bigint) => {
      const found = [...text.matchAll(expression(pattern, 'g'))].map(([all]) => all);
      return limit < 0n ? found : found.slice(0, Number(limit));
    })
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
      text.replaceAll(from, () => to),
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, limit: bigint) => {
        const parts = text.split(from);
        const count = limit < 0n ? parts.length - 1 : Math.min(Number(limit), parts.length - 1);
        return (
          parts.slice(0, count + 1).join(to) +
          parts
            .slice(count + 1)
            .map((part) => from + part)
            .join('')
        );
      },
    )
    .registerFunction('string.charAt(int): string', (text: string, index: bigint) => text.charAt(Number(index)))
    .registerFunction('string.format(list): string', (text: string, values: unknown[]) => {
      let next = 0;
      return text.replace(/%(%|(?:\.\d+)?[sdfexXob])/g, (_, verb: string) =>
        verb === '%' ? '%' : formatted(verb, values[next++]),
      );
    });
}

function formatted(verb: string, value: unknown): string {
  const kind = verb.at(-1);
  const digits = verb.length > 1 ? Number(verb.slice(1, -1)) : 6;
  if (kind === 'f') return Number(value).toFixed(digits);
  if (kind === 'e') return Number(value).toExponential(digits);
  if (kind === 'x' || kind === 'X') {
    const text = typeof value === 'string' ? Buffer.from(value).toString('hex') : BigInt(value as bigint).toString(16);
    return kind === 'X' ? text.toUpperCase() : text;
  }
  if (kind === 'o') return BigInt(value as bigint).toString(8);
  if (kind === 'b') return typeof value === 'boolean' ? String(Number(value)) : BigInt(value as bigint).toString(2);
  return shownValue(value);
}

/** A value as %s prints it. */
export function shownValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shownValue).join(', ')}]`;
  if (value === null) return 'null';
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object')
    return `{${Object.entries(value as object)
      .map(([key, one]) => `${key}: ${shownValue(one)}`)
      .join(', ')}}`;
  return String(value);
}

function registerUrls(environment: Environment): void {
  const isUrl = (text: string) => URL.canParse(text) || (text.startsWith('/') && !/\s/.test(text));
  environment
    .registerType('URL', CelUrl)
    .registerFunction('isURL(string): bool', isUrl)
    .registerFunction('url(string): URL', (text: string) => {
      if (!isUrl(text)) throw new Error(`URL parse error during conversion from string: parse ${JSON.stringify(text)}`);
      return new CelUrl(URL.canParse(text) ? new URL(text) : new URL(text, 'path://'));
    })
    .registerFunction('URL.getScheme(): string', ({ url }: CelUrl) =>
      url.protocol === 'path:' ? '' : url.protocol.slice(0, -1),
    )
    .registerFunction('URL.getHost(): string', ({ url }: CelUrl) => url.host)
    .registerFunction('URL.getHostname(): string', ({ url }: CelUrl) => url.hostname.replace(/^\[|\]$/g, ''))
    .registerFunction('URL.getPort(): string', ({ url }: CelUrl) => url.port)
    .registerFunction('URL.getEscapedPath(): string', ({ url }: CelUrl) => url.pathname)
    .registerFunction('URL.getQuery(): map<string, list<string>>', ({ url }: CelUrl) =>
      Object.fromEntries([...new Set(url.searchParams.keys())].map((key) => [key, url.searchParams.getAll(key)])),
    );
}

function registerQuantities(environment: Environment): void {
  const quantity = (text: string) => {
    const amount = parseQuantity(text);
    if (amount === undefined)
      throw new Error(`quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`);
    return new CelQuantity(text, amount);
  };
  const compare = (a: CelQuantity, b: CelQuantity) => compareQuantities(a.amount, b.amount);
  environment
    .registerType('Quantity', CelQuantity)
    .registerFunction('isQuantity(string): bool', (text: string) => parseQuantity(text) !== undefined)
    .registerFunction('quantity(string): Quantity', quantity)
    .registerFunction('Quantity.compareTo(Quantity): int', (a: CelQuantity, b: CelQuantity) => BigInt(compare(a, b)))
    .registerFunction('Quantity.isGreaterThan(Quantity): bool', (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0)
    .registerFunction('Quantity.isLessThan(Quantity): bool', (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0)
    .registerFunction(
      'Quantity.add(Quantity): Quantity',
      (a: CelQuantity, b: CelQuantity) => new CelQuantity('', a.amount + b.amount),
    )
    .registerFunction(
      'Quantity.sub(Quantity): Quantity',
      (a: CelQuantity, b: CelQuantity) => new CelQuantity('', a.amount - b.amount),
    )
    .registerFunction('Quantity.sign(): int', ({ amount }: CelQuantity) => (amount > 0n ? 1n : amount < 0n ? -1n : 0n))
    .registerFunction('Quantity.isInteger(): bool', ({ amount }: CelQuantity) => amount % 1_000_000_000n === 0n)
    .registerFunction('Quantity.asInteger(): int', ({ amount }: CelQuantity) => {
      if (amount % 1_000_000_000n !== 0n) throw new Error('cannot convert value to integer');
      return amount / 1_000_000_000n;
    })
    .registerFunction('Quantity.asApproximateFloat(): double', ({ amount }: CelQuantity) => Number(amount) / 1e9);
}

function registerAddresses(environment: Environment): void {
  const address = (text: string) => {
    if (!net.isIP(text))
      throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
    return new CelAddress(text);
  };
  const cidr = (text: string) => {
    const parsed = parseCidr(text);
    if (!parsed) throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
    return parsed;
  };
  const contains = (range: CelCidr, one: string) => {
    if (net.isIP(one) !== net.isIP(range.address)) return false;
    const list = new net.BlockList();
    const family = net.isIPv4(one) ? 'ipv4' : 'ipv6';
    list.addSubnet(range.address, range.bits, family);
    return list.check(one, family);
  };
  environment
    .registerType('IPAddress', CelAddress)
    .registerType('NetworkCIDR', CelCidr)
    .registerFunction('isIP(string): bool', (text: string) => net.isIP(text) > 0)
    .registerFunction('ip(string): IPAddress', address)
    .registerFunction('IPAddress.family(): int', (one: CelAddress) => BigInt(net.isIP(one.address)))
    .registerFunction('IPAddress.isLoopback(): bool', (one: CelAddress) => /^127\.|^::1$/.test(one.address))
    .registerFunction(
      'IPAddress.isUnspecified(): bool',
      (one: CelAddress) => one.address === '0.0.0.0' || one.address === '::',
    )
    .registerFunction('isCIDR(string): bool', (text: string) => parseCidr(text) !== undefined)
    .registerFunction('cidr(string): NetworkCIDR', cidr)
    .registerFunction('NetworkCIDR.containsIP(string): bool', (range: CelCidr, one: string) =>
      contains(range, address(one).address),
    )
    .registerFunction('NetworkCIDR.containsIP(IPAddress): bool', (range: CelCidr, one: CelAddress) =>
      contains(range, one.address),
    )
    .registerFunction('NetworkCIDR.containsCIDR(string): bool', (range: CelCidr, text: string) => {
      const inner = cidr(text);
      return inner.bits >= range.bits && contains(range, inner.address);
    })
    .registerFunction('NetworkCIDR.prefixLength(): int', (range: CelCidr) => BigInt(range.bits))
    .registerFunction('NetworkCIDR.ip(): IPAddress', (range: CelCidr) => new CelAddress(range.address));
}

function parseCidr(text: string): CelCidr | undefined {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = net.isIP(address);
  if (rest.length > 0 || family === 0 || !/^\d+$/.test(bits)) return undefined;
  return Number(bits) <= (family === 4 ? 32 : 128) ? new CelCidr(address, Number(bits)) : undefined;
}
