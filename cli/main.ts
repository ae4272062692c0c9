import { parseArgs } from 'node:util';
import { UserError } from '../src/base/errors.ts';
import { errorChain } from '../src/base/log.ts';
import { UsageError } from './command.ts';
import { commands } from './commands.ts';
import { terminalOutput } from './output.ts';
import { wrapText } from './wrap-text.ts';

process.exitCode = await main(process.argv.slice(2));

/** Runs one command; the exit code: 0 ok, 1 failed, 2 usage. */
async function main(argv: string[]): Promise<number> {
  const [word, ...rest] = argv;
  if (!word || word === 'help' || word === '-h' || word === '--help') {
    const topic = word === 'help' ? rest[0] : undefined;
    if (!topic) return print(overview(), word ? 0 : 2);
    return main([topic, '--help']);
  }
  if (word === '--version' || word === 'version') return print(`vitrine ${await version()}`, 0);
  const entry = commands[word];
  if (!entry) {
    process.stderr.write(`vitrine: unknown command "${word}": see 'vitrine --help'\n`);
    return 2;
  }
  const { command } = await entry.load();
  try {
    const { values, positionals } = parse(rest, command.options);
    if (values.help)
      return print(wrapHelp(`usage: vitrine ${entry.usage} [--name NAME] [--no-color]\n\n${command.help.trim()}`), 0);
    const name = typeof values.name === 'string' ? values.name : 'default';
    checkName(name);
    const out = terminalOutput(values['no-color'] ? { colour: false } : {});
    return (await command.run({ name, args: positionals, values, out })) ?? 0;
  } catch (error) {
    return report(word, error);
  }
}

function parse(
  args: string[],
  options: Parameters<typeof parseArgs>[0] extends infer C
    ? NonNullable<C extends { options?: infer O } ? O : never> | undefined
    : never,
) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        'no-color': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        ...options,
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** A cluster's name becomes part of paths, links and contexts. */
function checkName(name: string): void {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name) || name === 'images')
    throw new UsageError(`--name "${name}": must be lower-case letters, digits and '-', at most 32, and not "images"`);
}

function report(word: string, error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`vitrine ${word}: ${error.message}\nsee 'vitrine ${word} --help'\n`);
    return 2;
  }
  const hint = error instanceof UserError && error.hint ? ` (${error.hint})` : '';
  process.stderr.write(`vitrine ${word}: ${errorChain(error)}${hint}\n`);
  if (process.env.VITRINE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return 1;
}

function overview(): string {
  const width = Math.max(...Object.values(commands).map((entry) => entry.usage.length));
  const lines = Object.values(commands).map((entry) => `  ${entry.usage.padEnd(width)}   ${entry.summary}`);
  return `Kubernetes you can see through.\n\nusage: vitrine COMMAND [--name CLUSTER] [--no-color] [-h]\n\n${lines.join('\n')}\n\n'vitrine COMMAND --help' tells more, with examples.`;
}

/** On a narrow terminal what an option means goes on below where it began. */
function wrapHelp(text: string): string {
  const { columns } = terminalOutput();
  if (!columns) return text;
  const indentOf = (line: string) => /^( *\S.*? {2,})\S/.exec(line)?.[1]?.length ?? line.search(/\S|$/);
  return text
    .split('\n')
    .flatMap((line) => wrapText(line, columns, indentOf(line)))
    .join('\n');
}

async function version(): Promise<string> {
  const { vitrineVersion } = await import('../src/version.ts');
  return vitrineVersion;
}

function print(text: string, code: number): number {
  (code === 0 ? process.stdout : process.stderr).write(`${text}\n`);
  return code;
}
