import type { Process } from '../snapshot.ts';
import { knownServices } from './services/all.ts';
import type { ServiceKnowledge } from './services/service.ts';

/** Which known service a process is, by its executable, its title or its name; undefined for what nobody has described. */
export type Identify = (
  process: Pick<Process, 'comm' | 'cmdline'>,
  executable?: string,
) => ServiceKnowledge | undefined;

/** `own` knowledge wins over what is known here. */
export function createIdentify(own: ServiceKnowledge[] = []): Identify {
  const byProgram = new Map<string, ServiceKnowledge[]>();
  for (const table of [knownServices, own]) addTable(byProgram, table);
  return (process, executable) => {
    const line = process.cmdline.join(' ');
    for (const name of programNames(process, executable)) {
      const found = byProgram.get(name)?.find(({ command }) => !command || command.test(line));
      if (found) return found;
    }
    return undefined;
  };
}

/** Those that need words of the command line come first, and a later table before the one before it. */
function addTable(byProgram: Map<string, ServiceKnowledge[]>, table: ServiceKnowledge[]): void {
  const programs = new Set(table.flatMap((service) => service.programs));
  for (const program of programs) {
    const entries = table.filter((service) => service.programs.includes(program));
    const [needing, plain] = [entries.filter(({ command }) => command), entries.filter(({ command }) => !command)];
    byProgram.set(program, [...needing, ...plain, ...(byProgram.get(program) ?? [])]);
  }
}

/**
 * 'nginx' of '/usr/sbin/nginx', of 'nginx: master process', of comm; ' (deleted)' taken off. First 'busybox httpd', as what
 * one executable does under many names is seldom the program that has made the name known.
 */
function programNames({ comm, cmdline }: Pick<Process, 'comm' | 'cmdline'>, executable = ''): Set<string> {
  const first = cmdline[0] ?? '';
  const program = baseName(executable.replace(/ \(deleted\)$/, ''));
  return new Set(
    [
      program === 'busybox' ? `busybox ${comm}` : '',
      program,
      baseName(first.split(' ')[0] ?? ''),
      first.split(':')[0] ?? '',
      comm,
    ].filter(Boolean),
  );
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace(/^-|:$/g, '');
