import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { defaultSeccompRules, seccompKey } from './seccomp-profile.ts';

/** RuntimeDefault as compiled BPF, made once for each set of capabilities and kept on disk. */
export class SeccompFilters {
  readonly #dir: string;
  /** Base64 of compiled filters by key. */
  readonly #filters = new Map<string, string>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** The value of crun's annotation run.oci.seccomp_bpf_data; a JSON profile would cost 11 ms at each start. */
  async runtimeDefault(capabilities: string[]): Promise<string> {
    const key = seccompKey(capabilities);
    const known = this.#filters.get(key);
    if (known) return known;
    const rules = defaultSeccompRules(capabilities);
    const version = createHash('sha256')
      .update(JSON.stringify(rules, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
      .digest('hex');
    const file = path.join(this.#dir, `${key}-${version.slice(0, 16)}.bpf`);
    let program = read(file);
    if (!program) {
      const { compileSeccomp } = await import('../linux/seccomp.ts');
      program = compileSeccomp(rules);
      mkdirSync(this.#dir, { recursive: true });
      writeFileSync(`${file}.${process.pid}`, program);
      renameSync(`${file}.${process.pid}`, file);
    }
    const encoded = program.toString('base64');
    this.#filters.set(key, encoded);
    return encoded;
  }
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
