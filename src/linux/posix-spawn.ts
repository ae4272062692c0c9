import { createRequire } from 'node:module';
import { SyscallError } from '../base/errors.ts';

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;

export interface DaemonCommand {
  /** The program's full path and its arguments. */
  command: [string, ...string[]];
  env: Record<string, string>;
  cwd: string;
  /** Files for descriptors 0, 1, …: path and flags of open(2). */
  files: { path: string; flags: number }[];
}

interface SpawnCalls {
  init(kind: 'actions' | 'attributes', object: Uint8Array): void;
  destroy(kind: 'actions' | 'attributes', object: Uint8Array): void;
  addOpen(actions: Uint8Array, fd: number, path: string, flags: number, mode: number): number;
  addChdir(actions: Uint8Array, path: string): number;
  setFlags(attributes: Uint8Array, flags: number): number;
  setDefault(attributes: Uint8Array, signals: Uint8Array): number;
  setMask(attributes: Uint8Array, signals: Uint8Array): number;
  spawn: { (...args: unknown[]): number; async(...args: unknown[]): void };
  waitpid(pid: number, status: Uint8Array, options: number): number;
  errorName(number: number): string;
}

/** The loaded functions, once they were needed. */
let loaded: SpawnCalls | undefined;

/**
 * Starts a program that goes into the background by itself, in a session of its own. posix_spawn(3) shares memory with
 * the child until it executes, where Node's fork copies page tables and holds the event loop up meanwhile; it runs on a
 * thread of the pool. The process that is started must be reaped with `reap`, as Node does not know it.
 */
export async function spawnDaemon(daemon: DaemonCommand): Promise<number> {
  const prepared = prepare(daemon);
  try {
    const result = await new Promise<number>((resolve, reject) =>
      calls().spawn.async(...prepared.args, (error: unknown, code: number) => (error ? reject(error) : resolve(code))),
    );
    return prepared.pid(result);
  } finally {
    prepared.free();
  }
}

/** The same at once: the program begins in the namespaces that this thread is in. */
export function spawnDaemonNow(daemon: DaemonCommand): number {
  const prepared = prepare(daemon);
  try {
    return prepared.pid(calls().spawn(...prepared.args));
  } finally {
    prepared.free();
  }
}

/** The arguments of posix_spawn(3), how to read its answer, and how to free what it was given. */
function prepare({ command, env, cwd, files }: DaemonCommand) {
  const lib = calls();
  const actions = Buffer.alloc(256);
  const attributes = Buffer.alloc(512);
  lib.init('actions', actions);
  lib.init('attributes', attributes);
  for (const [fd, file] of files.entries()) lib.addOpen(actions, fd, file.path, file.flags, 0o600);
  lib.addChdir(actions, cwd);
  lib.setFlags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  lib.setDefault(attributes, Buffer.alloc(128, 0xff)); // Node ignores SIGPIPE, which must not be handed on
  lib.setMask(attributes, Buffer.alloc(128));
  const pid = Buffer.alloc(4);
  const environment = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), null];
  return {
    args: [pid, command[0], actions, attributes, [...command, null], environment] as unknown[],
    pid: (result: number): number => {
      if (result !== 0) throw new SyscallError('posix_spawn', lib.errorName(result), command[0]);
      return pid.readInt32LE(0);
    },
    free: () => {
      lib.destroy('actions', actions);
      lib.destroy('attributes', attributes);
    },
  };
}

/** Collects a child that `spawnDaemon` started and that has ended; tells whether it had. */
export function reap(pid: number): boolean {
  const WNOHANG = 1;
  return calls().waitpid(pid, Buffer.alloc(4), WNOHANG) !== 0;
}

function calls(): SpawnCalls {
  if (loaded) return loaded;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load('libc.so.6');
  const bind = (prototype: string) => libc.func(prototype) as never;
  const object: Record<string, (object: Uint8Array) => number> = {
    'init actions': bind('int posix_spawn_file_actions_init(_Inout_ uint8_t *actions)'),
    'init attributes': bind('int posix_spawnattr_init(_Inout_ uint8_t *attributes)'),
    'destroy actions': bind('int posix_spawn_file_actions_destroy(_Inout_ uint8_t *actions)'),
    'destroy attributes': bind('int posix_spawnattr_destroy(_Inout_ uint8_t *attributes)'),
  };
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  loaded = {
    init: (kind, target) => void object[`init ${kind}`]?.(target),
    destroy: (kind, target) => void object[`destroy ${kind}`]?.(target),
    addOpen: bind(
      'int posix_spawn_file_actions_addopen(_Inout_ uint8_t *actions, int fd, const char *path, int flags, uint32_t mode)',
    ),
    addChdir: bind('int posix_spawn_file_actions_addchdir_np(_Inout_ uint8_t *actions, const char *path)'),
    setFlags: bind('int posix_spawnattr_setflags(_Inout_ uint8_t *attributes, short flags)'),
    setDefault: bind('int posix_spawnattr_setsigdefault(_Inout_ uint8_t *attributes, const uint8_t *signals)'),
    setMask: bind('int posix_spawnattr_setsigmask(_Inout_ uint8_t *attributes, const uint8_t *signals)'),
    spawn: bind(
      'int posix_spawn(_Out_ uint8_t *pid, const char *path, const uint8_t *actions, const uint8_t *attributes, const char **argv, const char **envp)',
    ),
    waitpid: bind('int waitpid(int pid, _Out_ uint8_t *status, int options)'),
    errorName: (number) => names.get(number) ?? `errno ${number}`,
  };
  return loaded;
}
