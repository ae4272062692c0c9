import { compilePattern } from '../pattern.ts';

/** Where the compiler's own functions differ from those of cel-go. */

/** What answers instead for these inputs; undefined: the compiler's own function. */
type Correction = (values: readonly unknown[]) => (() => unknown) | undefined;

export function correctionOf(name: string): Correction | undefined {
  return Object.hasOwn(functions, name) ? functions[name] : undefined;
}

const functions: Record<string, Correction> = {
  int: ([value]) => (typeof value === 'number' && Math.abs(value) >= 2 ** 63 ? outOfRange : undefined),
  string: ([value]) => (value instanceof Uint8Array ? () => utf8.decode(value) : undefined),
  // Patterns are those of RE2.
  matches: ([text, pattern]) =>
    typeof text === 'string' && typeof pattern === 'string' ? () => compilePattern(pattern).test(text) : undefined,
  lowerAscii: ([text]) => replaced(text, /[A-Z]+/g, (part) => part.toLowerCase()),
  upperAscii: ([text]) => replaced(text, /[a-z]+/g, (part) => part.toUpperCase()),
  // White space as Unicode has it: with U+0085, without U+FEFF.
  trim: ([text]) => replaced(text, /^\p{White_Space}+|\p{White_Space}+$/gu, () => ''),
};

const outOfRange = () => {
  throw new Error('integer overflow');
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function replaced(text: unknown, pattern: RegExp, change: (part: string) => string): ReturnType<Correction> {
  return typeof text === 'string' ? () => text.replace(pattern, change) : undefined;
}

const maxInt = 2n ** 63n - 1n;
const minInt = -(2n ** 63n);
/** Of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z. */
const [minTimeMs, maxTimeMs] = [-62_135_596_800_000, 253_402_300_799_999];
/** Go's durations are nanoseconds in 64 bits. */
const maxSeconds = 9_223_372_036n;

/** What an operator or a conversion gave; throws where the type cannot hold it. */
export function inRange(value: unknown): unknown {
  if (typeof value === 'bigint') {
    if (value > maxInt || value < minInt) throw new Error('integer overflow');
  } else if (value instanceof Date) {
    if (!(value.getTime() >= minTimeMs && value.getTime() <= maxTimeMs)) throw new Error('timestamp overflow');
  } else if (isDuration(value) && (value.seconds > maxSeconds || value.seconds < -maxSeconds))
    throw new Error('duration overflow');
  return value;
}

const isDuration = (value: unknown): value is { seconds: bigint } =>
  typeof value === 'object' && value !== null && 'nanos' in value && 'seconds' in value;
