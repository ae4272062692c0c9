import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';

/** The file's text, undefined when there is none. */
export async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`read ${file}`, { cause: error });
  }
}

/** Replaces the file as a whole, readable by its owner only; with `durable` it is on disk when this resolves. */
export async function writeSecret(file: string, text: string, { durable = false } = {}): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const temporary = `${file}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(text);
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    throw new Error(`write ${file}`, { cause: error });
  }
}
