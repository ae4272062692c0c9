import type { Environment } from '@marcbachmann/cel-js';

interface CelDuration {
  seconds: bigint;
  nanos: number;
}

/** Conversions and comparisons of the language that the compiler lacks (cel-spec doc/langdef.md, Standard Definitions). */
export function registerConversions(environment: Environment): void {
  const sync = { async: false };
  const [timestamp, duration] = ['google.protobuf.Timestamp', 'google.protobuf.Duration'];
  environment
    .registerFunction('int(uint): int', (value: { valueOf(): bigint }) => value.valueOf(), sync)
    .registerFunction(`int(${timestamp}): int`, (time: Date) => BigInt(Math.floor(time.getTime() / 1000)), sync)
    .registerFunction(`string(${timestamp}): string`, timestampText, sync)
    .registerFunction(`string(${duration}): string`, (value: CelDuration) => durationText(value), sync)
    .registerFunction(`timestamp(${timestamp}): ${timestamp}`, (time: Date) => time, sync)
    .registerFunction(`duration(${duration}): ${duration}`, (value: CelDuration) => value, sync)
    .registerOperator('bytes < bytes', (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) < 0)
    .registerOperator('bytes <= bytes', (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) <= 0)
    .registerOperator('bytes > bytes', (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) > 0)
    .registerOperator('bytes >= bytes', (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) >= 0);
}

export const timestampText = (time: Date) => time.toISOString().replace(/\.?0*Z$/, 'Z');

/** Seconds with as many digits as they need (Go: strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"). */
export function durationText({ seconds, nanos }: CelDuration): string {
  const total = seconds * 1_000_000_000n + BigInt(nanos);
  const size = total < 0n ? -total : total;
  const fraction = (size % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${total < 0n ? '-' : ''}${size / 1_000_000_000n}${fraction && `.${fraction}`}s`;
}
