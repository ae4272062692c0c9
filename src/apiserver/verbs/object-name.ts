import { randomInt } from 'node:crypto';

/** No vowels and no look-alikes, so that no words arise (apimachinery pkg/util/rand). */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
/** Longest base that still fits a suffix (apiserver pkg/storage/names maxGeneratedNameLength). */
const maxBaseLength = 63 - suffixLength;

/** A name from metadata.generateName. */
export function generateName(base: string): string {
  let suffix = '';
  for (let i = 0; i < suffixLength; i++) suffix += alphabet[randomInt(alphabet.length)];
  return base.slice(0, maxBaseLength) + suffix;
}
