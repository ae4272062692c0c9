import type { Environment } from '@marcbachmann/cel-js';
import { sameCelValue } from './equality.ts';

class SetsNamespace {}

/** Kubernetes's functions of lists (apiserver pkg/cel/library/lists.go), and cel-go's sets. */
export function registerLists(environment: Environment): void {
  const sync = { async: false };
  const index = (position: number) => BigInt(position);
  environment
    .registerFunction(
      'list.isSorted(): bool',
      (list: Ordered[]) => list.every((item, i) => !i || list[i - 1]! <= item),
      sync,
    )
    .registerFunction('list.sum(): dyn', sum, sync)
    .registerFunction('list.min(): dyn', (list: Ordered[]) => extreme(list, (a, b) => a < b, 'min'), sync)
    .registerFunction('list.max(): dyn', (list: Ordered[]) => extreme(list, (a, b) => a > b, 'max'), sync)
    .registerFunction(
      'list.indexOf(dyn): int',
      (list: unknown[], item: unknown) => index(list.findIndex((one) => sameCelValue(one, item))),
      sync,
    )
    .registerFunction(
      'list.lastIndexOf(dyn): int',
      (list: unknown[], item: unknown) => index(list.findLastIndex((one) => sameCelValue(one, item))),
      sync,
    )
    .registerType('SetsNamespace', SetsNamespace)
    .registerConstant('sets', 'SetsNamespace', new SetsNamespace())
    .registerFunction('SetsNamespace.contains(list, list): bool', (_, a: unknown[], b: unknown[]) => hasAll(a, b), sync)
    .registerFunction(
      'SetsNamespace.equivalent(list, list): bool',
      (_, a: unknown[], b: unknown[]) => hasAll(a, b) && hasAll(b, a),
      sync,
    )
    .registerFunction(
      'SetsNamespace.intersects(list, list): bool',
      (_, a: unknown[], b: unknown[]) => b.some((item) => has(a, item)),
      sync,
    );
}

type Ordered = number | bigint | string;

function sum(list: (number | bigint)[]): unknown {
  if (list.length === 0) return 0n;
  return list.reduce((a, b) => ((a as number) + (b as number)) as never);
}

function extreme(list: Ordered[], better: (a: Ordered, b: Ordered) => boolean, name: string): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, item) => (better(item, best) ? item : best), first);
}

const has = (list: unknown[], item: unknown) => list.some((one) => sameCelValue(one, item));
const hasAll = (list: unknown[], items: unknown[]) => items.every((item) => has(list, item));
