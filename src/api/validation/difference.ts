import { sameValue } from './field-error.ts';

/** The fields in which two values differ, as '- path: before' and '+ path: after' lines. */
export function describeDifference(before: unknown, after: unknown): string {
  const lines: string[] = [];
  collect(before, after, '', lines);
  return lines.join('\n');
}

function collect(before: unknown, after: unknown, path: string, lines: string[]): void {
  if (sameValue(before, after)) return;
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const inner = Array.isArray(before) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
      collect(before[key], after[key], inner, lines);
    }
    return;
  }
  if (before !== undefined) lines.push(`- ${path}: ${JSON.stringify(before)}`);
  if (after !== undefined) lines.push(`+ ${path}: ${JSON.stringify(after)}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
