import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { UserError } from './base/errors.ts';
import type { ClusterPaths } from './paths.ts';

/**
 * OCI runtimes beside crun that RuntimeClasses may name, from <state>/runtimes.yaml:
 *
 *     handlers:
 *       runc: /usr/sbin/runc
 *       gvisor: /usr/local/bin/runsc
 */
export function readRuntimes(paths: ClusterPaths): Record<string, string> {
  const file = path.join(paths.state, 'runtimes.yaml');
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  const { handlers = {} } = (parse(text) ?? {}) as { handlers?: Record<string, string> };
  for (const [name, program] of Object.entries(handlers)) {
    const executable = typeof program === 'string' && path.isAbsolute(program) && fs.existsSync(program);
    if (!executable) throw new UserError(`${file}: handler "${name}": ${JSON.stringify(program)} is no program`);
  }
  return handlers;
}
