import { SyscallError, UserError } from '../base/errors.ts';

/** What travels between the event loop and the kernel thread: arrays of these, one array a tick. */
export interface CallMessage {
  id: number;
  name: string;
  args: unknown[];
}

export type ReplyMessage = { id: number; result: unknown } | { id: number; error: ErrorMessage };

/** Structured clone keeps only the message of an Error of one's own class; this keeps what our classes add. */
export interface ErrorMessage {
  type: string;
  message: string;
  syscall?: string;
  code?: string;
  hint?: string;
  cause?: ErrorMessage;
}

export function packError(error: unknown): ErrorMessage {
  if (!(error instanceof Error)) return { type: 'Error', message: String(error) };
  const { syscall, code, hint } = error as { syscall?: string; code?: string; hint?: string };
  const cause = error.cause === undefined ? undefined : packError(error.cause);
  return { type: error.name, message: error.message, syscall, code, hint, cause };
}

export function unpackError(packed: ErrorMessage): Error {
  const cause = packed.cause && unpackError(packed.cause);
  if (packed.type === 'UserError') return new UserError(packed.message, { hint: packed.hint, cause });
  if (packed.type === 'SyscallError') {
    const error = new SyscallError(packed.syscall ?? '', packed.code ?? '', '');
    error.message = packed.message;
    return error;
  }
  return Object.assign(new Error(packed.message, { cause }), packed.code && { code: packed.code });
}
