import fs from 'node:fs';

/**
 * A file as text, by its path or a descriptor, as all of src/linux reads them. Read as bytes first: Node 26.10's way of
 * reading a file as UTF-8 corrupts the heap when a read(2) gives more than those before, as files of /proc may.
 */
export function readText(file: string | number): string {
  return fs.readFileSync(file).toString('utf8');
}
