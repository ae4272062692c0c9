import { printableJson } from '../src/inspect/printable.ts';
import { type Invocation, type Output, positiveOption } from './command.ts';

/** Options of every view that can be shown again and again. */
export const watchOptions = { watch: { type: 'boolean' }, interval: { type: 'string', short: 'd' } } as const;

/** Milliseconds between two showings. */
export function intervalOption(invocation: Invocation): number {
  return positiveOption(invocation, 'interval', 2) * 1000;
}

/**
 * Shows a view once, or with --watch again and again until it says that it is done. On a terminal each replaces the one
 * before, without flicker; in a pipe they follow each other.
 */
export async function showView(
  { values, out }: Pick<Invocation, 'values' | 'out'>,
  intervalMs: number,
  show: (out: Output) => Promise<{ done?: boolean; code?: number } | undefined>,
): Promise<number> {
  if (!values.watch) return (await show(out))?.code ?? 0;
  for (let first = true; ; first = false) {
    const lines: string[] = [];
    const shown = await show({ ...out, line: (text = '') => void lines.push(text) });
    replace(out, lines, first);
    if (shown?.done) return shown.code ?? 0;
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

function replace(out: Output, lines: string[], first: boolean): void {
  if (out.columns === undefined) {
    for (const line of lines) out.line(line);
    return;
  }
  const height = Math.max(1, (process.stdout.rows ?? 24) - 1);
  const shown = lines.slice(0, height).map((line) => `${line}\u001b[K`);
  process.stdout.write(`${first ? '\u001b[2J' : ''}\u001b[H${shown.join('\n')}\u001b[J\n`);
}

/** A document for programs; with --watch each on a line of its own (JSON Lines). */
export function showJson({ values }: Pick<Invocation, 'values'>, out: Output, document: unknown): void {
  out.line(printableJson(document, values.watch ? 0 : 2));
}
