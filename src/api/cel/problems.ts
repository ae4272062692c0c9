import { isFunction } from './load.ts';

/** What went wrong, in the words of cel-go where they differ. */
export function celProblem(error: unknown): string {
  const { summary, message } = error as { summary?: string; message: string };
  const text = (summary ?? message.split('\n', 1)[0]!).replaceAll('has__', 'has');
  const [, key] = /^No such key: (.*)$/.exec(text) ?? [];
  if (key?.startsWith('index out of bounds')) return `index out of bounds: ${/index (-?\d+)/.exec(key)?.[1]}`;
  if (key !== undefined) return `no such key: ${key}`;
  return text;
}

/** A compilation error with its place, as cel-go prints it; `original` finds a place in what was written. */
export function compilationProblem(
  error: unknown,
  expression: string,
  original = (position: number) => position,
): string {
  const { node, name } = error as { node?: ErrorPlace; name?: string };
  const position = Math.min(original(node ? placeOf(node) : 0), expression.length);
  const before = expression.slice(0, position).split('\n');
  const line = before.length;
  const column = before.at(-1)!.length;
  const summary = celProblem(error);
  const what = name === 'ParseError' ? `Syntax error: ${summary}` : checkerProblem(summary);
  const source = expression.split('\n')[line - 1] ?? '';
  return `compilation failed: ERROR: <input>:${line}:${column + 1}: ${what}\n | ${source}\n | ${'.'.repeat(column)}^`;
}

interface ErrorPlace {
  op?: string;
  args?: unknown;
  input?: string;
  pos?: number;
  start?: number;
}

const infix = new Set(['!=', '==', 'in', '+', '-', '*', '/', '%', '<', '<=', '>', '>=']);

/** Where cel-go says that a node is: operators and the dots and brackets of what is taken from a value count, not where it begins. */
function placeOf({ op = '', args, input = '', pos, start }: ErrorPlace): number {
  const first = start ?? pos ?? 0;
  const ends = (args as { end?: number }[] | undefined) ?? [];
  if (infix.has(op)) return Math.max(first, input.indexOf(op, ends[0]?.end ?? first));
  if (op === '.' || op === '.?') return Math.max(first, (pos ?? 1) - 1);
  if (op === 'call') return Math.max(first, input.indexOf('(', first));
  if (op === 'rcall') return Math.max(first, input.indexOf('(', ends[1]?.end ?? first));
  return first;
}

/** What a type checker says, in the words of cel-go's. */
function checkerProblem(summary: string): string {
  const [, variable] = /^Unknown variable: (.*)$/.exec(summary) ?? [];
  if (variable) return `undeclared reference to '${variable}' (in container '')`;
  const [, field] = /^no such key: (.*)$/.exec(summary) ?? [];
  if (field) return `undefined field '${field}'`;
  const [, left, operator, right] = /^no such overload: (.+) (==|!=|<=?|>=?|\+|-|\*|\/|%|in) (.+)$/.exec(summary) ?? [];
  if (operator) {
    const name = operator === 'in' ? '@in' : `_${operator}_`;
    return `found no matching overload for '${name}' applied to '(${left}, ${right})'`;
  }
  const [, negation, operand] = /^no such overload: ([!-])(.+)$/.exec(summary) ?? [];
  if (negation) return `found no matching overload for '${negation}_' applied to '(${operand})'`;
  const [, receiver, name, types] = /^found no matching overload for '(?:(.+)\.)?(\w+)\((.*)\)'$/.exec(summary) ?? [];
  if (name && !isFunction(name)) return `undeclared reference to '${name}' (in container '')`;
  if (name) return `found no matching overload for '${name}' applied to '${receiver ? `${receiver}.` : ''}(${types})'`;
  const [, yes, no] = /^Ternary branches must have the same type, got '(.*)' and '(.*)'$/.exec(summary) ?? [];
  if (yes) return `found no matching overload for '_?_:_' applied to '(bool, ${yes}, ${no})'`;
  const [, found] = /(?:requires bool operands|must (?:be|return) bool), got '(.*)'$/.exec(summary) ?? [];
  return found ? `expected type 'bool' but found '${found}'` : summary;
}
