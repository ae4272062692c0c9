import type { Quantity } from './object.ts';

/** How a quantity was written, which decides how it is written again. */
export type QuantityFormat = 'DecimalExponent' | 'BinarySI' | 'DecimalSI';

/** A number of resources, exact to the billionth, as apimachinery pkg/api/resource.Quantity keeps it. */
export interface Amount {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

export const quantityFormatMessage =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
export const quantityNumberMessage = 'unable to parse numeric part of quantity';
export const quantitySuffixMessage = "unable to parse quantity's suffix";

/** Reads a quantity. Throws an Error with apimachinery's words when it is none. */
export function parseQuantity(text: Quantity | number): Amount {
  const { amount, problem } = entryOf(String(text));
  if (!amount) throw new Error(problem);
  return amount;
}

/** Why this is not a quantity, in apimachinery's words; undefined when it is one. */
export function quantityProblem(text: string): string | undefined {
  return entryOf(text).problem;
}

/** The form that the API server stores and shows: '1000m' becomes '1', '0.5Gi' becomes '512Mi'. */
export function canonicalQuantity(text: string): Quantity {
  const { canonical, problem } = entryOf(text);
  if (canonical === undefined) throw new Error(problem);
  return canonical;
}

/** Writes an amount in canonical form (Quantity.CanonicalizeBytes). */
export function formatQuantity({ nanos, format }: Amount): Quantity {
  if (nanos === 0n) return '0';
  if (format === 'BinarySI' && (nanos <= -1024n * one || nanos >= 1024n * one)) return formatBinary(ceilDivide(nanos));
  return formatDecimal(nanos, format === 'DecimalExponent');
}

export function compareQuantities(a: Quantity, b: Quantity): number {
  const [left, right] = [parseQuantity(a).nanos, parseQuantity(b).nanos];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** a + b, written as `a` is, or as `b` when `a` is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return formatQuantity(addAmounts(parseQuantity(a), parseQuantity(b)));
}

/** a - b, written as `a` is, or as `b` when `a` is zero. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  const [left, right] = [parseQuantity(a), parseQuantity(b)];
  return formatQuantity(addAmounts(left, { nanos: -right.nanos, format: right.format }));
}

export function addAmounts(a: Amount, b: Amount): Amount {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** The number, rounded up to a whole one (Quantity.Value). */
export function quantityValue(text: Quantity): number {
  return Number(ceilDivide(parseQuantity(text).nanos));
}

/** Thousandths, rounded up (Quantity.MilliValue). */
export function quantityMilliValue(text: Quantity): number {
  const { nanos } = parseQuantity(text);
  const milli = one / 1000n;
  return Number(nanos / milli + (nanos % milli > 0n ? 1n : 0n));
}

/** A canonical quantity out of a number of bytes or thousandths. */
export function quantityOf(
  value: number | bigint,
  format: QuantityFormat = 'DecimalSI',
  unit: 1 | 0.001 = 1,
): Quantity {
  return formatQuantity({ nanos: BigInt(value) * (unit === 1 ? one : one / 1000n), format });
}

const one = 1_000_000_000n;
const maxInt64 = 9_223_372_036_854_775_807n;
const decimalSuffixes = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const decimalBySize = new Map([...decimalSuffixes].map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

interface Entry {
  amount?: Amount;
  canonical?: Quantity;
  problem?: string;
}
/** Texts seen lately: a cluster uses few different ones, over and over. Emptied when it is full. */
const entries = new Map<string, Entry>();

function entryOf(text: string): Entry {
  let entry = entries.get(text);
  if (entry) return entry;
  entry = read(text);
  if (entries.size >= 4096) entries.clear();
  entries.set(text, entry);
  return entry;
}

function read(text: string): Entry {
  const match = /^([+-]?)([0-9]*)(?:(\.)([0-9]*))?([eEinumkKMGTP]*)([-+]?[0-9]*)$/.exec(text);
  if (!match || text === '') return { problem: quantityFormatMessage };
  const [, sign = '', whole = '', point, denominator = '', letters = '', digits = ''] = match;
  const suffix = readSuffix(letters, digits);
  if (!suffix) return { problem: quantitySuffixMessage };
  if (whole === '' && denominator === '' && (point || text.length > 0) && !/[0-9]/.test(whole + denominator))
    return { problem: /^[+-]?\.?$/.test(text) || point ? quantityNumberMessage : quantityFormatMessage };
  const magnitude = scaled(BigInt(whole + denominator), suffix, denominator.length);
  let { format } = suffix;
  let nanos = magnitude;
  if (format === 'BinarySI') {
    if (nanos > maxInt64 * one) nanos = maxInt64 * one;
    if (nanos > 0n && nanos < one) format = 'DecimalSI';
  }
  const amount = { nanos: sign === '-' ? -nanos : nanos, format };
  return { amount, canonical: isCanonical(whole, denominator, suffix) ? text : formatQuantity(amount) };
}

interface Suffix {
  base: 2 | 10;
  exponent: number;
  format: QuantityFormat;
}

function readSuffix(letters: string, digits: string): Suffix | undefined {
  if (digits === '') {
    const decimal = decimalSuffixes.get(letters);
    if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' };
    const binary = binarySuffixes.indexOf(letters);
    if (binary > 0) return { base: 2, exponent: binary * 10, format: 'BinarySI' };
    return undefined;
  }
  // An exponent beyond any sensible size would make a bigint that fills the memory.
  if ((letters !== 'e' && letters !== 'E') || !/^[-+]?[0-9]{1,3}$/.test(digits)) return undefined;
  return { base: 10, exponent: Number(digits), format: 'DecimalExponent' };
}

/** unscaled × suffix ÷ 10^decimals in nanos, rounded up: who asks for something gets something. */
function scaled(unscaled: bigint, suffix: Suffix, decimals: number): bigint {
  if (suffix.base === 2) return ceilDivide((unscaled << BigInt(suffix.exponent)) * one, 10n ** BigInt(decimals));
  const exponent = 9 + suffix.exponent - decimals;
  return exponent >= 0 ? unscaled * 10n ** BigInt(exponent) : ceilDivide(unscaled, 10n ** BigInt(-exponent));
}

/** Whether ParseQuantity keeps the text as it came: its quick path, for numbers that fit and carry no needless zeros. */
function isCanonical(whole: string, denominator: string, { base, exponent }: Suffix): boolean {
  const number = whole.replace(/^0+/, '') || '0';
  if (number === '0' && denominator === '') return false;
  const shifted = number + denominator;
  if (base === 2) {
    const precision = 15 - number.length - Math.trunc((exponent * 3) / 10) - 1;
    return denominator === '' && precision >= 0 && (Number(number) & 7) !== 0;
  }
  const scale = exponent - denominator.length;
  return (
    18 - shifted.length >= 0 && scale >= -9 && scale % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0')
  );
}

function ceilDivide(value: bigint, by: bigint = one): bigint {
  const quotient = value / by;
  return value % by > 0n ? quotient + 1n : quotient;
}

function formatBinary(value: bigint): Quantity {
  let rest = value;
  let steps = 0;
  while (steps < binarySuffixes.length - 1 && rest % 1024n === 0n) {
    rest /= 1024n;
    steps++;
  }
  return `${rest}${binarySuffixes[steps]}`;
}

function formatDecimal(nanos: bigint, asExponent: boolean): Quantity {
  let mantissa = nanos;
  let exponent = -9;
  while (mantissa % 1000n === 0n && (asExponent || exponent < 18)) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (!asExponent) return `${mantissa}${decimalBySize.get(exponent)}`;
  return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
}
