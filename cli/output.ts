import type { Output } from './command.ts';

/** Output on the process's own streams. */
export function terminalOutput({ colour = process.stdout.isTTY === true && !process.env.NO_COLOR } = {}): Output {
  const canOverwrite = process.stderr.isTTY === true;
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', endQuietly);
  let pending = false;
  const clear = () => {
    if (!pending) return;
    process.stderr.write('\r\x1b[K');
    pending = false;
  };
  return {
    colour,
    // A terminal that does not know its width says 0.
    columns: (process.stdout.isTTY && process.stdout.columns) || undefined,
    line: (text = '') => {
      clear();
      process.stdout.write(`${text}\n`);
    },
    progress: (text) => {
      if (!canOverwrite) return;
      clear();
      process.stderr.write(text.slice(0, (process.stderr.columns ?? 80) - 1));
      pending = true;
    },
    note: (text) => {
      clear();
      process.stderr.write(`${text}\n`);
    },
  };
}

/** A reader that has seen enough (`| head`) closes the pipe: no error, and nothing left to say. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}

/** '850 ms' below ten seconds' precision needs, '12.3 s' above one second. */
export function formatDuration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** Columns padded to their widest cell, two blanks between, as kubectl prints tables. */
export function formatTable(rows: string[][]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('   ')
      .trimEnd(),
  );
}
