import path from 'node:path';

/** Some things are done with crun only: compiled seccomp filters, launches in few mounts, the start by a byte, terminals that it hands over. */
export const isCrun = (program: string): boolean => path.basename(program) === 'crun';

/** OCI runtimes by the handler that asks for one: crun, and what the host's configuration adds. */
export class OciRuntimes {
  readonly #crun: string;
  readonly #programs: Record<string, string>;

  constructor(crun: string, programs: Record<string, string> = {}) {
    this.#crun = crun;
    this.#programs = programs;
  }

  /** Handlers that there are; '' is the default. runc, where none is configured, is what others call the same. */
  get handlers(): string[] {
    return [...new Set(['', 'crun', 'runc', ...Object.keys(this.#programs)])];
  }

  program(handler = ''): string {
    return this.#programs[handler] ?? this.#crun;
  }
}
