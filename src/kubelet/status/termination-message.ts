import { open } from 'node:fs/promises';
import type { Container } from '../../runtime/runtime.ts';
import { messageFileOf } from '../labels.ts';
import { parseCriLine } from '../server/cri-log.ts';

/** Bounds of kuberuntime: bytes of a message, and lines and bytes taken from the log instead. */
const maxMessageBytes = 4096;
const maxLogLines = 80;
const maxLogBytes = 2048;

/** What a container left as its last words (kuberuntime getTerminationMessage). */
export async function terminationMessage(container: Container): Promise<string> {
  const file = messageFileOf(container);
  const message = file ? await readTail(file, maxMessageBytes, 'head') : '';
  const policy = container.labels['io.kubernetes.container.terminationMessagePolicy'];
  if (message || policy !== 'FallbackToLogsOnError' || container.exitCode === 0) return message;
  const log = await readTail(container.logPath, 4 * maxMessageBytes, 'tail');
  const lines = log
    .split('\n')
    .map(parseCriLine)
    .filter((line) => line !== undefined)
    .slice(-maxLogLines)
    .map((line) => line.text + (line.partial ? '' : '\n'));
  return lines.join('').slice(-maxLogBytes);
}

async function readTail(file: string, bytes: number, from: 'head' | 'tail'): Promise<string> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(bytes, size));
    await handle.read(buffer, 0, buffer.length, from === 'head' ? 0 : size - buffer.length);
    return buffer.toString('utf8');
  } catch {
    return '';
  }
}
