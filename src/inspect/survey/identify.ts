import type { Process } from '../snapshot.ts';
import { knownServices } from './services/all.ts';
import type { ServiceKnowledge } from './services/service.ts';

/** Knowledge by program name; those that need words of the command line come first. */
const byProgram = new Map<string, ServiceKnowledge[]>();
for (const service of knownServices)
  for (const program of service.programs) {
    const entries = byProgram.get(program) ?? [];
    if (service.command) entries.unshift(service);
    else entries.push(service);
    byProgram.set(program, entries);
  }

/** Which known service a process is, by its executable, its title or its name; undefined for what nobody has described. */
export function identify(
  process: Pick<Process, 'comm' | 'cmdline'>,
  executable?: string,
): ServiceKnowledge | undefined {
  const line = process.cmdline.join(' ');
  for (const name of programNames(process, executable)) {
    const found = byProgram.get(name)?.find(({ command }) => !command || command.test(line));
    if (found) return found;
  }
  return undefined;
}

/** 'nginx' of '/usr/sbin/nginx', of 'nginx: master process', of comm; '.real' and ' (deleted)' taken off. */
function programNames({ comm, cmdline }: Pick<Process, 'comm' | 'cmdline'>, executable = ''): Set<string> {
  const first = cmdline[0] ?? '';
  return new Set(
    [
      baseName(executable.replace(/ \(deleted\)$/, '')),
      baseName(first.split(' ')[0] ?? ''),
      first.split(':')[0] ?? '',
      comm,
    ].filter(Boolean),
  );
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace(/^-|:$/g, '');
