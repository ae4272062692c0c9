import { Worker } from 'node:worker_threads';
import { badRequest } from '../api/status-error.ts';
import type { ParsedBody } from './body.ts';
import type { YamlAnswer } from './yaml-worker.ts';

/** Shorter bodies are parsed at once: a thread takes longer to start. */
export const longYamlCharacters = 64 * 1024;
/** Nobody waits longer for what is no more than a body. */
const timeoutMs = 20_000;

/** The body before: they wait for each other, so that many use no more than one processor. */
let last: Promise<unknown> = Promise.resolve();

/**
 * A long YAML body, parsed beside everybody else's requests: YAML takes seconds a megabyte where JSON takes milliseconds,
 * and this server has one thread.
 */
export function parseLongYaml(text: string): Promise<ParsedBody> {
  const parsed = last.then(() => inThread(text));
  last = parsed.catch(() => {});
  return parsed;
}

async function inThread(text: string): Promise<ParsedBody> {
  // The bundle holds yaml-worker.js beside the file that this code ends up in.
  const url = import.meta.url.endsWith('.ts') ? './yaml-worker.ts' : './yaml-worker.js';
  const worker = new Worker(new URL(url, import.meta.url), { name: 'yaml', workerData: text, execArgv: [] });
  const { promise, resolve, reject } = Promise.withResolvers<YamlAnswer>();
  worker.once('message', resolve).once('error', reject);
  const timer = setTimeout(() => resolve({ error: tooSlow }), timeoutMs);
  try {
    const answer = await promise.catch((error: Error): YamlAnswer => ({ error: `${prefix}${error.message}` }));
    if ('error' in answer) throw badRequest(answer.error);
    return { value: JSON.parse(answer.json) as unknown, duplicates: () => answer.duplicates };
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

const prefix = 'error converting YAML to JSON: yaml: ';
const tooSlow = `${prefix}it takes more than ${timeoutMs / 1000} s`;
