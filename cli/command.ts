import type { ParseArgsOptionsConfig } from 'node:util';

/** One command of the command line: a file in cli/, listed in cli/commands.ts. */
export interface Command {
  /** Options beyond the common ones (--name, --no-color, -h), as node:util parseArgs takes them. */
  options?: ParseArgsOptionsConfig;
  /** Help text below the usage line: what it does, its options, examples. */
  help: string;
  run(invocation: Invocation): Promise<number | undefined>;
}

export interface Invocation {
  /** Cluster name. @default 'default' */
  name: string;
  args: string[];
  values: Record<string, string | boolean | (string | boolean)[] | undefined>;
  out: Output;
}

/** Where a command prints. Colour and progress only on a terminal. */
export interface Output {
  /** A line on standard output. */
  line(text?: string): void;
  /** A line on standard error that the next progress line overwrites; nothing unless standard error is a terminal. */
  progress(text: string): void;
  /** A lasting line on standard error. */
  note(text: string): void;
  colour: boolean;
  /** Width of the terminal in columns; undefined when output goes to a pipe. */
  columns: number | undefined;
}

/** Wrong usage: prints the message and exits with 2. */
export class UsageError extends Error {}

/** A string option, or undefined. */
export function stringOption(invocation: Invocation, option: string): string | undefined {
  const value = invocation.values[option];
  return typeof value === 'string' ? value : undefined;
}

/** A number above 0. */
export function positiveOption(invocation: Invocation, option: string, fallback: number): number {
  const text = stringOption(invocation, option);
  if (text === undefined) return fallback;
  if (!(Number(text) > 0)) throw new UsageError(`--${option} "${text}": must be a number above 0`);
  return Number(text);
}

/** The option output, where json is the only other form. */
export function wantsJson(invocation: Invocation): boolean {
  const output = stringOption(invocation, 'output');
  if (output !== undefined && output !== 'json') throw new UsageError(`--output "${output}": must be json`);
  return output === 'json';
}

/** A repeatable string option. */
export function listOption(invocation: Invocation, option: string): string[] {
  const value = invocation.values[option];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
