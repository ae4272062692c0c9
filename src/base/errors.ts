/**
 * An error that a user can act on: `message` says what was attempted and with what value, `hint` what to do.
 * The command line prints both on one line and exits with 1.
 */
export class UserError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'UserError';
    this.hint = options.hint;
  }
}

/** A failed system call: name, errno name and number, and the object it was about. */
export class SyscallError extends Error {
  readonly syscall: string;
  /** The errno name, such as 'ENOENT'. */
  readonly code: string;

  constructor(syscall: string, code: string, about: string) {
    super(`${syscall} ${about}: ${code}`);
    this.name = 'SyscallError';
    this.syscall = syscall;
    this.code = code;
  }
}

/** An error and what caused it, outermost first. */
export function causes(error: unknown): Error[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}
