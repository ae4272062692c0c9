import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import type { Job } from './generator.ts';

const generator = path.join(import.meta.dirname, 'generator.ts');

/** Has a job done by a process of its own. */
export async function runLoad<T>(job: Job): Promise<T> {
  const { child, result } = startLoad<T>(job);
  const answer = await result;
  child.kill();
  return answer;
}

/** The same, for a job whose process must stay until it is killed. */
export function startLoad<T>(job: Job): { child: ChildProcess; result: Promise<T> } {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', generator], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(job));
  const result = new Promise<T>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(JSON.parse(text));
    });
    child.once('exit', (code) => reject(new Error(`the load generator ended with exit code ${code}`)));
  });
  return { child, result };
}
