import { parentPort, workerData } from 'node:worker_threads';
import { parseYaml } from './parse-yaml.ts';

/** What the thread answers: JSON, as values nested too deep for a message are refused where it is parsed. */
export type YamlAnswer = { json: string; duplicates: readonly string[] } | { error: string };

/** One body in a thread of its own (long-yaml.ts). */
function answer(text: string): YamlAnswer {
  try {
    const { value, duplicates } = parseYaml(text);
    return { json: JSON.stringify(value ?? null), duplicates: duplicates() };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

parentPort?.postMessage(answer(workerData as string));
