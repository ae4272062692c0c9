import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '../base/clock.ts';

/** A minute, and ten seconds less, as client-go keeps a token. */
const lifeMs = 50_000;

/**
 * The token of a file that is replaced when it rotates: read again from time to time. One that cannot be read leaves the last
 * good one (client-go transport/token_source.go).
 */
export function tokenFrom(file: string, clock: Clock = systemClock): () => string {
  /** Undefined until it could be read. */
  let token: string | undefined;
  let readAtMs = 0;
  return () => {
    if (token !== undefined && clock.steady() - readAtMs < lifeMs) return token;
    try {
      token = readToken(file);
      readAtMs = clock.steady();
    } catch (error) {
      if (token === undefined) throw error;
    }
    return token;
  };
}

function readToken(file: string): string {
  const text = readFileSync(file, 'utf8').trim();
  if (text === '') throw new Error(`token file ${file} is empty`);
  return text;
}
