import fs from 'node:fs';
import { pageSize } from './page-size.ts';
import { listPids, parseStat, type TaskStat } from './proc.ts';
import { readDescriptorLimit } from './proc-details.ts';
import { readText } from './read-text.ts';

export interface ProcessStat extends TaskStat {
  pid: number;
  rssBytes: number;
}

/** Reads the stat of every process again and again, cheaply: each file is opened once and read at offset 0. */
export interface StatReader {
  /** Every process now. The objects are new each time. */
  read(): ProcessStat[];
  close(): void;
}

export function openStatReader(): StatReader {
  /** Descriptors of /proc/PID/stat by pid; one that answers ESRCH belongs to a process that has ended. */
  const open = new Map<number, number>();
  const buffer = Buffer.allocUnsafe(4096);
  /** So many are kept open; the rest is opened each time. */
  const most = (readDescriptorLimit(process.pid) ?? 1024) - 200;
  const drop = (pid: number) => {
    const fd = open.get(pid);
    if (fd !== undefined) fs.closeSync(fd);
    open.delete(pid);
  };
  const readKept = (pid: number): string => {
    let fd = open.get(pid);
    if (fd === undefined) {
      if (open.size >= most) return readText(`/proc/${pid}/stat`);
      fd = fs.openSync(`/proc/${pid}/stat`, 'r');
      open.set(pid, fd);
    }
    return buffer.toString('latin1', 0, fs.readSync(fd, buffer, 0, buffer.length, 0));
  };
  const readOne = (pid: number, retry = true): ProcessStat | undefined => {
    try {
      const { task, rssPages } = parseStat(readKept(pid));
      return { pid, ...task, rssBytes: rssPages * pageSize };
    } catch {
      drop(pid);
      // The pid may have a new owner already.
      return retry ? readOne(pid, false) : undefined;
    }
  };
  return {
    read: () => {
      const pids = listPids();
      const alive = new Set(pids);
      for (const pid of open.keys()) if (!alive.has(pid)) drop(pid);
      return pids.flatMap((pid) => readOne(pid) ?? []);
    },
    close: () => {
      for (const pid of [...open.keys()]) drop(pid);
    },
  };
}
