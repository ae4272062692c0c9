const suffixes: Record<string, bigint> = {
  n: 1n,
  u: 1_000n,
  m: 1_000_000n,
  '': 10n ** 9n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: 2n ** 10n * 10n ** 9n,
  Mi: 2n ** 20n * 10n ** 9n,
  Gi: 2n ** 30n * 10n ** 9n,
  Ti: 2n ** 40n * 10n ** 9n,
  Pi: 2n ** 50n * 10n ** 9n,
  Ei: 2n ** 60n * 10n ** 9n,
};

/** A quantity in billionths; undefined if the text is none. */
export function parseQuantity(text: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', suffix = '', exponent] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (whole === '' && fraction === '') return undefined;
  const scale = exponent === undefined ? (suffixes[suffix] ?? 0n) : powered(Number(exponent));
  const digits = BigInt(`${whole}${fraction}` || '0') * scale;
  const divisor = 10n ** BigInt(fraction.length);
  const rounded = digits / divisor + (digits % divisor === 0n ? 0n : 1n);
  return sign === '-' ? -rounded : rounded;
}

function powered(exponent: number): bigint {
  if (exponent < -9 || exponent > 30) return 0n;
  return 10n ** BigInt(9 + exponent);
}

export function compareQuantities(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
