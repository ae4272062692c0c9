import fs from 'node:fs';
import { readText } from './read-text.ts';

/** Neither waits for a writer of a FIFO nor becomes the controlling terminal of anything. */
const flags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY;

/**
 * Reads a regular file below a directory that others write to. What was opened is looked at, not what its path says: a
 * symbolic link that leads out of the directory, or is swapped in meanwhile, gives an error and not a piece of the host.
 */
export function readBeneath(base: string, path: string, maxBytes: number): string {
  const fd = fs.openSync(`${base}/${path}`, flags);
  try {
    const place = fs.readlinkSync(`/proc/self/fd/${fd}`);
    if (!place.startsWith(`${fs.realpathSync(base)}/`)) throw new Error(`${path} leads out of ${base}`);
    const stats = fs.fstatSync(fd);
    if (!stats.isFile()) throw new Error(`${path} is no regular file`);
    if (stats.size > maxBytes) throw new Error(`${path} has ${stats.size} bytes, more than ${maxBytes}`);
    return readText(fd);
  } finally {
    fs.closeSync(fd);
  }
}
