import os from 'node:os';

const names = new Map(Object.entries(os.constants.signals).map(([name, number]) => [number, name]));
// Synonyms: the usual name, not the last one of the table.
for (const name of ['SIGABRT', 'SIGIO', 'SIGCHLD'] as const) names.set(os.constants.signals[name], name);

/** 'SIGKILL' for 9. */
export function signalName(signal: number): string {
  return names.get(signal) ?? `signal ${signal}`;
}

/** What an exit code says by convention: shells' 126, 127 and 128 + signal (exit status in bash(1)). */
export function describeExit(code: number): string {
  if (code === 126) return 'exit code 126: the command cannot be executed';
  if (code === 127) return 'exit code 127: command not found';
  if (code > 128 && code < 128 + 65) return `exit code ${code}: killed by ${signalName(code - 128)}`;
  return `exit code ${code}`;
}
