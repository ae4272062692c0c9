import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { UserError } from '../../../base/errors.ts';
import { roles, type ServiceKnowledge } from './service.ts';

/** Where people tell the survey of services that it does not know, or what is different here; later ones win. */
export function knowledgeFiles(): string[] {
  const own = path.join(process.env.XDG_CONFIG_HOME || path.join(os.homedir(), '.config'), 'vitrine');
  return ['/etc/vitrine', own]
    .map((directory) => path.join(directory, 'services.yaml'))
    .filter((file) => fs.existsSync(file));
}

/** What the files say, what wins first. */
export function readKnowledge(files: string[]): ServiceKnowledge[] {
  return files.toReversed().flatMap((file) => {
    let text: string;
    try {
      text = fs.readFileSync(file, 'utf8');
    } catch (error) {
      throw new UserError(`cannot read ${file}`, { cause: error });
    }
    return parseKnowledge(text, file);
  });
}

const lists = ['programs', 'config', 'logs', 'data'] as const;
const known = new Set(['name', 'title', 'role', 'command', 'ports', 'packages', 'units', ...lists]);

/** A YAML (or JSON) list with the fields of ServiceKnowledge; `command` is a regular expression. */
export function parseKnowledge(text: string, file: string): ServiceKnowledge[] {
  const document = readYaml(text, file);
  if (!Array.isArray(document)) throw new UserError(`${file}: must be a list of services`);
  return document.map((entry: unknown, i) => toKnowledge(entry, `${file}: [${i}]`));
}

function readYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new UserError(`${file} is no YAML`, { cause: error });
  }
}

function toKnowledge(entry: unknown, at: string): ServiceKnowledge {
  if (typeof entry !== 'object' || entry === null) throw new UserError(`${at}: must be a service`);
  const fields = entry as Record<string, unknown>;
  const wrong = (field: string, must: string) =>
    new UserError(`${at}.${field} ${JSON.stringify(fields[field])}: must be ${must}`);
  for (const field of Object.keys(fields)) if (!known.has(field)) throw wrong(field, `one of ${[...known].join(', ')}`);
  for (const field of ['name', 'title', 'command'])
    if (typeof fields[field] !== 'string' && (field === 'name' || fields[field] !== undefined))
      throw wrong(field, 'text');
  for (const field of lists)
    if (fields[field] !== undefined && !isList(fields[field])) throw wrong(field, 'a list of texts');
  const role = roles.find((its) => its === fields.role);
  if (fields.role !== undefined && !role) throw wrong('role', `one of ${roles.join(', ')}`);
  const name = String(fields.name);
  return {
    ...(fields as Partial<ServiceKnowledge>),
    name,
    title: (fields.title as string | undefined) ?? name,
    role: role ?? 'application',
    programs: (fields.programs as string[] | undefined) ?? [name],
    command: expression(fields.command as string | undefined, () => wrong('command', 'a regular expression')),
  };
}

const isList = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string');

function expression(text: string | undefined, wrong: () => Error): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text);
  } catch {
    throw wrong();
  }
}
