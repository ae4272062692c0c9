import type { Environment } from '@marcbachmann/cel-js';
import { parseQuantity, quantityProblem } from '../../quantity.ts';

const nanos = 1_000_000_000n;

/** What a quantity is within an expression: billionths. */
export class CelQuantity {
  readonly amount: bigint;
  constructor(amount: bigint) {
    this.amount = amount;
  }
}

/** Quantities (apiserver pkg/cel/library/quantity.go). */
export function registerQuantities(environment: Environment): void {
  const sync = { async: false };
  const quantity = (text: string) => {
    const problem = quantityProblem(text);
    if (problem) throw new Error(problem);
    return new CelQuantity(parseQuantity(text).nanos);
  };
  const compare = ({ amount: a }: CelQuantity, { amount: b }: CelQuantity) => (a < b ? -1 : a > b ? 1 : 0);
  const isInteger = ({ amount }: CelQuantity) =>
    amount % nanos === 0n && BigInt.asIntN(64, amount / nanos) === amount / nanos;
  environment
    .registerType('Quantity', CelQuantity)
    .registerOperator('Quantity == Quantity', (a: CelQuantity, b: CelQuantity) => compare(a, b) === 0)
    .registerFunction('isQuantity(string): bool', (text: string) => quantityProblem(text) === undefined, sync)
    .registerFunction('quantity(string): Quantity', quantity, sync)
    .registerFunction(
      'Quantity.compareTo(Quantity): int',
      (a: CelQuantity, b: CelQuantity) => BigInt(compare(a, b)),
      sync,
    )
    .registerFunction(
      'Quantity.isGreaterThan(Quantity): bool',
      (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0,
      sync,
    )
    .registerFunction(
      'Quantity.isLessThan(Quantity): bool',
      (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0,
      sync,
    )
    .registerFunction(
      'Quantity.add(Quantity): Quantity',
      (a: CelQuantity, b: CelQuantity) => new CelQuantity(a.amount + b.amount),
      sync,
    )
    .registerFunction(
      'Quantity.add(int): Quantity',
      (a: CelQuantity, b: bigint) => new CelQuantity(a.amount + b * nanos),
      sync,
    )
    .registerFunction(
      'Quantity.sub(Quantity): Quantity',
      (a: CelQuantity, b: CelQuantity) => new CelQuantity(a.amount - b.amount),
      sync,
    )
    .registerFunction(
      'Quantity.sub(int): Quantity',
      (a: CelQuantity, b: bigint) => new CelQuantity(a.amount - b * nanos),
      sync,
    )
    .registerFunction(
      'Quantity.sign(): int',
      ({ amount }: CelQuantity) => (amount > 0n ? 1n : amount < 0n ? -1n : 0n),
      sync,
    )
    .registerFunction('Quantity.isInteger(): bool', isInteger, sync)
    .registerFunction(
      'Quantity.asInteger(): int',
      (one: CelQuantity) => {
        if (!isInteger(one)) throw new Error('cannot convert value to integer');
        return one.amount / nanos;
      },
      sync,
    )
    .registerFunction('Quantity.asApproximateFloat(): double', ({ amount }: CelQuantity) => Number(amount) / 1e9, sync);
}
