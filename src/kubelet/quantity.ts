import type { Quantity } from '../api/object.ts';

const factors: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a quantity stands for (apimachinery pkg/api/resource); 0 for undefined. */
export function quantityValue(quantity: Quantity | number | undefined): number {
  if (quantity === undefined) return 0;
  const text = String(quantity);
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (!match) throw new Error(`invalid quantity '${text}'`);
  return match[2] ? Number(match[1] + match[2]) : Number(match[1]) * factors[match[3] ?? '']!;
}

/** Thousandths, rounded up: what CPU is counted in. */
export function milliValue(quantity: Quantity | undefined): number {
  return Math.ceil(Number((quantityValue(quantity) * 1000).toPrecision(15)));
}

/** Whole units, rounded up: what memory is counted in. */
export function wholeValue(quantity: Quantity | undefined): number {
  return Math.ceil(Number(quantityValue(quantity).toPrecision(15)));
}
