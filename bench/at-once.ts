import { spawn } from 'node:child_process';

/** Milliseconds for `run(0)` … `run(count - 1)`, `atOnce` of them at a time. */
export async function measureAtOnce(
  count: number,
  atOnce: number,
  run: (index: number) => Promise<unknown>,
): Promise<number> {
  const began = performance.now();
  let next = 0;
  const work = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return performance.now() - began;
}

/** Runs a program without its output; rejects unless it exits with 0. */
export function quiet([program = '', ...args]: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ${args.join(' ')}: exit code ${code}`)),
    );
  });
}
