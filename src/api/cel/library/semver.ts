import type { Environment } from '@marcbachmann/cel-js';

export class CelSemver {
  readonly numbers: bigint[];
  readonly pre: string[];
  constructor(numbers: bigint[], pre: string[]) {
    this.numbers = numbers;
    this.pre = pre;
  }
}

/** Semantic versions, semver.org 2.0.0 (apiserver pkg/cel/library/semverlib.go). */
export function registerSemver(environment: Environment): void {
  const sync = { async: false };
  const must = (text: string, normalize = false) => {
    const version = parse(text, normalize);
    if (!version) throw new Error(`semver parse error: invalid version ${JSON.stringify(text)}`);
    return version;
  };
  environment
    .registerType('kubernetes.Semver', CelSemver)
    .registerOperator('kubernetes.Semver == kubernetes.Semver', (a: CelSemver, b: CelSemver) => compare(a, b) === 0)
    .registerFunction('isSemver(string): bool', (text: string) => parse(text, false) !== undefined, sync)
    .registerFunction(
      'isSemver(string, bool): bool',
      (text: string, normalize: boolean) => parse(text, normalize) !== undefined,
      sync,
    )
    .registerFunction('semver(string): kubernetes.Semver', (text: string) => must(text), sync)
    .registerFunction('semver(string, bool): kubernetes.Semver', must, sync)
    .registerFunction('kubernetes.Semver.major(): int', ({ numbers }: CelSemver) => numbers[0]!, sync)
    .registerFunction('kubernetes.Semver.minor(): int', ({ numbers }: CelSemver) => numbers[1]!, sync)
    .registerFunction('kubernetes.Semver.patch(): int', ({ numbers }: CelSemver) => numbers[2]!, sync)
    .registerFunction(
      'kubernetes.Semver.compareTo(kubernetes.Semver): int',
      (a: CelSemver, b: CelSemver) => BigInt(compare(a, b)),
      sync,
    )
    .registerFunction(
      'kubernetes.Semver.isLessThan(kubernetes.Semver): bool',
      (a: CelSemver, b: CelSemver) => compare(a, b) < 0,
      sync,
    )
    .registerFunction(
      'kubernetes.Semver.isGreaterThan(kubernetes.Semver): bool',
      (a: CelSemver, b: CelSemver) => compare(a, b) > 0,
      sync,
    );
}

const identifier = '(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const form = new RegExp(
  `^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);

/** As devices' attributes have them: nothing but the form itself. */
export const parseSemver = (text: string) => parse(text, false);

function parse(text: string, normalize: boolean): CelSemver | undefined {
  const match = form.exec(normalize ? normalized(text) : text);
  if (!match) return undefined;
  const [, major, minor, patch, pre] = match;
  return new CelSemver([major!, minor!, patch!].map(BigInt), pre ? pre.split('.') : []);
}

/** `v1.2` and `01.2.3` are taken for what they mean. */
function normalized(text: string): string {
  const [, numbers = '', rest = ''] = /^v?([0-9.]*)(.*)$/.exec(text.trim()) ?? [];
  const parts = numbers.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length < 3 && rest === '') parts.push('0');
  return parts.join('.') + rest;
}

function compare(a: CelSemver, b: CelSemver): number {
  for (const [i, one] of a.numbers.entries()) {
    const other = b.numbers[i]!;
    if (one !== other) return one < other ? -1 : 1;
  }
  if (a.pre.length === 0 || b.pre.length === 0)
    return Math.sign(b.pre.length - a.pre.length) && (a.pre.length === 0 ? 1 : -1);
  for (const [i, one] of a.pre.entries()) {
    const other = b.pre[i];
    if (other === undefined) return 1;
    const order = compareIdentifiers(one, other);
    if (order !== 0) return order;
  }
  return a.pre.length < b.pre.length ? -1 : 0;
}

function compareIdentifiers(a: string, b: string): number {
  if (a === b) return 0;
  const [isNumber, isOther] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && isOther) return BigInt(a) < BigInt(b) ? -1 : 1;
  if (isNumber !== isOther) return isNumber ? -1 : 1;
  return a < b ? -1 : 1;
}
