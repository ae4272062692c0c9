import { readText } from './read-text.ts';

/** Proportional set size of a process in bytes (proc_pid_smaps_rollup(5)); undefined when it cannot be read. */
export function memoryPss(pid: number): number | undefined {
  try {
    const match = /^Pss:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/smaps_rollup`));
    return match ? Number(match[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}
