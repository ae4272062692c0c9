import { SyscallError } from '../base/errors.ts';
import { call, type PollHandle, pidfdOpen, pollFd } from './libc.ts';

/** Processes whose end is awaited, each by a pidfd (pidfd_open(2)) in this thread's epoll: also those that are not our children. */
export class ExitWatches {
  /** By watch number, until the process ends or the watch is cancelled. */
  readonly #watches = new Map<number, { fd: number; poll: PollHandle }>();
  readonly #onExit: (watch: number) => void;

  constructor(onExit: (watch: number) => void) {
    this.#onExit = onExit;
  }

  add(watch: number, pid: number): void {
    let fd: number;
    try {
      fd = pidfdOpen(pid, 0);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.code !== 'ESRCH') throw error;
      this.#onExit(watch);
      return;
    }
    const poll = pollFd(fd, { readable: true }, () => {
      if (this.cancel(watch)) this.#onExit(watch);
    });
    this.#watches.set(watch, { fd, poll });
  }

  cancel(watch: number): boolean {
    const entry = this.#watches.get(watch);
    if (!entry) return false;
    this.#watches.delete(watch);
    entry.poll.close();
    call('close', 'pidfd', entry.fd);
    return true;
  }

  closeAll(): void {
    for (const watch of [...this.#watches.keys()]) this.cancel(watch);
  }
}
