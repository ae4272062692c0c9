import path from 'node:path';
import { type ApiServerFlags, apiServerFlags } from '../src/api-server-flags.ts';
import type { Invocation } from './command.ts';

/** kube-apiserver's flags as options of a command. */
export const apiServerOptions = Object.fromEntries(
  Object.entries(apiServerFlags).map(([name, { many = false }]) => [name, { type: 'string' as const, multiple: many }]),
);

/** A line for each. */
export const apiServerHelp = Object.entries(apiServerFlags)
  .map(([name, { help }]) => `  --${name.padEnd(42)} ${help}`)
  .join('\n');

/** Those that were given; paths are absolute, as another process reads them. */
export function apiServerFlagsFrom({ values }: Invocation): ApiServerFlags {
  const flags: ApiServerFlags = {};
  for (const [name, { file }] of Object.entries(apiServerFlags)) {
    const value = values[name];
    if (value === undefined) continue;
    const given = [value].flat().map(String);
    flags[name] = file ? given.map((text) => (text && text !== '-' ? path.resolve(text) : text)) : given;
  }
  return flags;
}
