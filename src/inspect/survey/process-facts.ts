import { readDeletedLibraries, readDescriptorLimit, readExecutable } from '../../linux/proc-details.ts';
import { type Descriptor, readDescriptors } from '../../linux/proc-sockets.ts';
import type { Snapshot } from '../snapshot.ts';

/** What a survey asks of each process beyond the snapshot. */
export interface ProcessFacts {
  /** undefined of kernel threads and where hidden. */
  executable: string | undefined;
  executableDeleted: boolean;
  descriptorCount: number | undefined;
  descriptorLimit: number | undefined;
  /** Regular files that are open. */
  files: string[];
  deletedLibraries: string[];
}

/** By pid. Threads of the kernel have none of it and are not asked. Descriptors are read once: they cost the most. */
export function readProcessFacts(
  snapshot: Snapshot,
  onDescriptors: (pid: number, descriptors: Descriptor[]) => void,
): Map<number, ProcessFacts> {
  const facts = new Map<number, ProcessFacts>();
  for (const { pid, ppid, state, container } of snapshot.processes.values()) {
    if (pid === 2 || ppid === 2 || state === 'Z') continue;
    const executable = readExecutable(pid);
    const descriptors = readDescriptors(pid);
    onDescriptors(pid, descriptors);
    facts.set(pid, {
      executable: executable?.replace(/ \(deleted\)$/, ''),
      executableDeleted: executable?.endsWith(' (deleted)') ?? false,
      descriptorCount: descriptors.length,
      descriptorLimit: readDescriptorLimit(pid),
      files: descriptors.flatMap(({ target }) => (/^\/(?!dev\/|proc\/|sys\/|memfd:)/.test(target) ? [target] : [])),
      // An image does not change under a container.
      deletedLibraries: container ? [] : readDeletedLibraries(pid),
    });
  }
  return facts;
}
