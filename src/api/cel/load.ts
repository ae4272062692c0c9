import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { registerKubernetesFunctions } from './library/all.ts';
import { meter } from './meter.ts';

/** What all expressions may use; cloned for each set of variables. */
let base: Environment | undefined;

/** A new environment with the functions of Kubernetes (apiserver pkg/cel/environment). */
export function newEnvironment(): Environment {
  if (!base) {
    base = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
    registerKubernetesFunctions(base);
  }
  return base.clone();
}

/** An environment in which these variables may be of any type. */
export function dynamicEnvironment(variables: readonly string[]): Environment {
  const environment = newEnvironment();
  for (const name of variables) environment.registerVariable(name, 'dyn');
  return environment;
}

/** What went wrong, in the words of cel-go where they differ. */
export function celProblem(error: unknown): string {
  const { summary, message } = error as { summary?: string; message: string };
  const text = summary ?? message.split('\n', 1)[0]!;
  const [, key] = /^No such key: (.*)$/.exec(text) ?? [];
  if (key?.startsWith('index out of bounds')) return `index out of bounds: ${/index (-?\d+)/.exec(key)?.[1]}`;
  if (key !== undefined) return `no such key: ${key}`;
  return text;
}

/** A compilation error with its place, as cel-go prints it. */
export function compilationProblem(
  error: unknown,
  expression: string,
  original = (position: number) => position,
): string {
  const { node, name } = error as { node?: { pos?: number; start?: number }; name?: string };
  const position = Math.min(original(node?.start ?? node?.pos ?? 0), expression.length);
  const before = expression.slice(0, position).split('\n');
  const line = before.length;
  const column = before.at(-1)!.length;
  const summary = celProblem(error);
  const [, variable] = /^Unknown variable: (.*)$/.exec(summary) ?? [];
  const [, field] = /^no such key: (.*)$/.exec(summary) ?? [];
  const what = variable
    ? `undeclared reference to '${variable}' (in container '')`
    : field
      ? `undefined field '${field}'`
      : name === 'ParseError'
        ? `Syntax error: ${summary}`
        : summary;
  const source = expression.split('\n')[line - 1] ?? '';
  return `compilation failed: ERROR: <input>:${line}:${column + 1}: ${what}\n | ${source}\n | ${'.'.repeat(column)}^`;
}

/** Compiles an expression so that its evaluations are charged to their ledger. Throws where it cannot be compiled. */
export function compileMetered(environment: Environment, expression: string): ParseResult {
  const compiled = environment.parse(expression);
  const { valid, error } = compiled.check();
  if (!valid) throw error;
  meter(compiled);
  return compiled;
}
