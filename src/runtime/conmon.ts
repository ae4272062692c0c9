import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { makeFifo } from '../linux/files.ts';
import { reap, type spawnDaemon } from '../linux/posix-spawn.ts';

export interface MonitorOptions {
  id: string;
  bundle: string;
  crunRoot: string;
  exitDir: string;
  logPath: string;
  tty: boolean;
  stdin: boolean;
  /** Whether stdin stays open when an attached client leaves. */
  keepStdinOpen: boolean;
}

/** Files that conmon leaves in the bundle. */
export const monitorFiles = { pid: 'pid', monitorPid: 'conmon.pid', attach: 'attach', control: 'ctl', oom: 'oom' };

/** conmon(8)'s arguments: it lives as long as the container, writes its log and its exit code. */
export function monitorArguments(options: MonitorOptions, runtime: string): string[] {
  const { id, bundle } = options;
  return [
    ...['--api-version', '1', '--cid', id, '--cuuid', id, '--name', id],
    ...['--runtime', runtime, '--runtime-arg', '--root', '--runtime-arg', options.crunRoot],
    ...['--bundle', bundle, '--persist-dir', bundle, '--full-attach'],
    ...['--container-pidfile', path.join(bundle, monitorFiles.pid)],
    ...['--conmon-pidfile', path.join(bundle, monitorFiles.monitorPid)],
    ...[
      '--exit-dir',
      options.exitDir,
      '--log-path',
      `k8s-file:${options.logPath}`,
      '--log-level',
      'error',
      '--no-sync-log',
    ],
    ...(options.tty ? ['--terminal'] : []),
    ...(options.stdin ? ['--stdin'] : []),
    ...(options.stdin && options.keepStdinOpen ? ['--leave-stdin-open'] : []),
  ];
}

/**
 * Starts conmon, which has crun create the container; resolves with the pid of the container's first process, which
 * waits for its start. Rejects with crun's own words. The answer comes through a FIFO, as conmon forks into the
 * background before it knows it.
 */
export async function startMonitor(
  options: MonitorOptions,
  programs: { runtime: string; conmon: string },
  spawn: typeof spawnDaemon,
): Promise<number> {
  const fifo = path.join(options.bundle, 'sync');
  rmSync(fifo, { force: true });
  makeFifo(fifo, 0o600);
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const answer = readAnswer(fd);
  let starter: number;
  try {
    starter = await spawn({
      command: [programs.conmon, ...monitorArguments(options, programs.runtime)],
      cwd: options.bundle,
      env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', _OCI_SYNCPIPE: '3' },
      files: [
        { path: '/dev/null', flags: constants.O_RDONLY },
        { path: '/dev/null', flags: constants.O_WRONLY },
        {
          path: path.join(options.bundle, 'conmon.log'),
          flags: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
        },
        { path: fifo, flags: constants.O_WRONLY },
      ],
    });
  } catch (error) {
    answer.cancel();
    throw error;
  } finally {
    rmSync(fifo, { force: true });
  }
  return answer.pid.finally(() => reapSoon(starter));
}

/** conmon's first process ends once it has forked, which is long over when the answer is there, unless it failed. */
function reapSoon(pid: number): void {
  if (!reap(pid)) setTimeout(() => reapSoon(pid), 100).unref();
}

/** Reads the one line {"data": PID, "message": …} from the sync pipe; a negative number is a failure. */
function readAnswer(fd: number): { pid: Promise<number>; cancel(): void } {
  const socket = new Socket({ fd, readable: true, writable: false });
  const pid = new Promise<number>((resolve, reject) => {
    let text = '';
    const done = () => {
      const line = text.split('\n').find((candidate) => candidate.startsWith('{'));
      const answer = line ? (JSON.parse(line) as { data?: number; pid?: number; message?: string }) : undefined;
      const value = answer?.data ?? answer?.pid ?? -1;
      if (value > 0) resolve(value);
      else reject(new Error(answer?.message?.trim() || 'conmon ended without starting the container'));
      socket.destroy();
    };
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) done();
    });
    socket.once('end', done);
    socket.once('error', reject);
  });
  pid.catch(() => {});
  return {
    pid,
    cancel: () => {
      socket.destroy();
      try {
        closeSync(fd);
      } catch {
        // the socket closed it
      }
    },
  };
}
