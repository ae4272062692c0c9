import { readProcess } from '../../linux/proc.ts';
import type { TopRow } from './rows.ts';

/** The threads of a process as rows; none when it has ended. */
export function threadRows(pid: number): TopRow[] {
  const info = readProcess(pid, { threads: true });
  return (info?.threads ?? []).map(({ tid, comm, state, userTicks, systemTicks }) => ({
    key: `thread ${tid}`,
    name: comm,
    pid: tid,
    user: '',
    state,
    processes: 1,
    threads: 1,
    rssBytes: info?.rssBytes ?? 0,
    cpuPercent: 0,
    cpuSeconds: (userTicks + systemTicks) / 100,
  }));
}
