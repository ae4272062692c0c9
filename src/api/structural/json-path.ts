import { isMap } from './json-schema.ts';

type Step = (values: unknown[]) => unknown[];

/**
 * The JSONPath of printer columns and scale fields, as client-go util/jsonpath has it: names, indexes, slices,
 * wildcards, recursive descent and filters. Throws on what it cannot read.
 */
export function compileJsonPath(text: string): (value: unknown) => unknown[] {
  const steps = parse(text.replace(/^\{(.*)\}$/s, '$1'));
  return (value) => steps.reduce((values, step) => step(values), [value]);
}

function parse(text: string): Step[] {
  const steps: Step[] = [];
  let rest = text.replace(/^\$/, '');
  while (rest && rest !== '.') {
    const form = forms.find(({ pattern }) => pattern.test(rest));
    const match = form?.pattern.exec(rest);
    if (!form || !match) throw new Error(`cannot parse JSONPath ${JSON.stringify(text)} at ${JSON.stringify(rest)}`);
    steps.push(form.step(match));
    rest = rest.slice(match[0].length);
  }
  return steps;
}

const unescaped = (text: string) => text.replace(/\\(.)/g, '$1');

/** How a step may be written; the first that fits is meant. */
const forms: { pattern: RegExp; step(match: RegExpExecArray): Step }[] = [
  { pattern: /^\.\.([\w\-/]+|\*)/, step: (match) => descend(match[1]!) },
  { pattern: /^\.?\[\?\((.*?)\)\]/s, step: (match) => filter(match[1]!) },
  {
    pattern: /^\.?\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/,
    step: (match) => named(unescaped(match[1] ?? match[2] ?? '')),
  },
  { pattern: /^\.?\[\*\]|^\.\*/, step: () => wildcard },
  { pattern: /^\.?\[-?\d*:?-?\d*(?::\d+)?\]/, step: (match) => indexed(match[0]) },
  { pattern: /^\.?((?:[^.[\]\\]|\\.)+)/, step: (match) => named(unescaped(match[1]!)) },
];

const named =
  (name: string): Step =>
  (values) =>
    values.flatMap((value) => (isMap(value) && Object.hasOwn(value, name) ? [value[name]] : []));

const wildcard: Step = (values) =>
  values.flatMap((value) => (Array.isArray(value) ? value : isMap(value) ? Object.values(value) : []));

function indexed(text: string): Step {
  const inner = text.replace(/^\.?\[|\]$/g, '');
  if (!inner.includes(':'))
    return (values) => values.flatMap((value) => (Array.isArray(value) ? at(value, Number(inner)) : []));
  const [from, to, step = '1'] = inner.split(':');
  return (values) =>
    values.flatMap((value) =>
      Array.isArray(value)
        ? value
            .slice(from ? Number(from) : 0, to ? Number(to) : undefined)
            .filter((_, i) => i % Number(step || 1) === 0)
        : [],
    );
}

function at(list: unknown[], index: number): unknown[] {
  const i = index < 0 ? list.length + index : index;
  return i >= 0 && i < list.length ? [list[i]] : [];
}

function descend(name: string): Step {
  const collect = (value: unknown): unknown[] => {
    const inner = Array.isArray(value) ? value : isMap(value) ? Object.values(value) : [];
    const own = name === '*' ? inner : named(name)([value]);
    return [...own, ...inner.flatMap(collect)];
  };
  return (values) => values.flatMap(collect);
}

function filter(condition: string): Step {
  const [, left = condition, operator, right] = /^(.*?)\s*(==|!=|<=|>=|<|>)\s*(.*)$/s.exec(condition.trim()) ?? [];
  const leftOf = operand(left.trim());
  if (!operator) return (values) => wildcard(values).filter((item) => leftOf(item) !== undefined);
  const rightOf = operand((right ?? '').trim());
  return (values) => wildcard(values).filter((item) => compare(leftOf(item), operator, rightOf(item)));
}

function operand(text: string): (item: unknown) => unknown {
  if (text.startsWith('@')) {
    const path = compileJsonPath(text.slice(1));
    return (item) => path(item)[0];
  }
  const [, quoted] = /^["'](.*)["']$/s.exec(text) ?? [];
  const value = quoted ?? (text === 'true' ? true : text === 'false' ? false : Number(text));
  return () => value;
}

// biome-ignore lint/suspicious/noExplicitAny: JavaScript compares what it is given
function compare(left: any, operator: string, right: any): boolean {
  if (left === undefined) return false;
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (operator === '<') return left < right;
  if (operator === '>') return left > right;
  return operator === '<=' ? left <= right : left >= right;
}
