import { badRequest, StatusError } from '../../api/status-error.ts';
import type { Backend } from '../backend.ts';

/** How long a read waits for a revision that is not there yet (apiserver pkg/storage/cacher blockTimeout). */
const blockTimeoutMs = 3000;

export function parseRevision(text: string): number {
  if (!/^\d+$/.test(text)) {
    throw badRequest(
      `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return Number(text);
}

/** Waits until the cache is as fresh as the client asks, and gives up with 504. */
export async function waitForRevision(backend: Backend, text: string): Promise<void> {
  const revision = parseRevision(text);
  if (revision <= backend.cache.seen) return;
  let cancel = () => {};
  const timeout = new Promise<'late'>((resolve) => {
    cancel = backend.clock.after(blockTimeoutMs, () => resolve('late'));
  });
  const outcome = await Promise.race([backend.cache.whenSeen(revision), timeout]);
  cancel();
  if (outcome === 'late') throw tooLargeRevision(revision, backend.cache.seen);
}

/** apiserver pkg/storage/errors.go NewTooLargeResourceVersionError. */
export function tooLargeRevision(asked: number, current: number): StatusError {
  return new StatusError({
    code: 504,
    reason: 'Timeout',
    message: `Too large resource version: ${asked}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
