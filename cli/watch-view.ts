import type { Output } from './command.ts';

/** Shows a view again and again until it says that it is done; on a terminal each replaces the one before. */
export async function untilInterrupted(out: Output, show: () => Promise<boolean>, intervalMs = 2000): Promise<number> {
  for (;;) {
    if (out.colour) process.stdout.write('\x1b[H\x1b[2J');
    if (await show()) return 0;
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
