import type { ParseResult } from '@marcbachmann/cel-js';
import { extraSchema, type JsonSchema } from '../structural/json-schema.ts';
import { callCost, listCost, macroCosts, mapCost, operatorCost } from './call-cost.ts';
import { maxElements } from './schema-size.ts';
import { type Comprehension, isTextType, type Macro, type Node, nameOf, qualifiedName, treeOf } from './tree.ts';
import { escapeName } from './values.ts';

/** What is known of a value before there is one: how large it can be, and what its schema says. */
interface Estimate {
  /** What it can cost to get the value. */
  cost: number;
  /** How long the value can be. */
  size: number;
  schema: JsonSchema | undefined;
}

type Scope = ReadonlyMap<string, Omit<Estimate, 'cost'>>;

const unknownSize = 2 ** 64;

/** The most that a checked expression can cost for values of this schema (cel-go checker/cost.go). */
export function estimateCost(expression: ParseResult, self: JsonSchema): number {
  const known = { size: maxElements(self), schema: self };
  const scope: Scope = new Map([
    ['self', known],
    ['oldSelf', known],
  ]);
  return estimate(treeOf(expression), scope).cost;
}

function estimate(node: Node, scope: Scope): Estimate {
  if (node.meta.macro) return estimateMacro(node, node.meta.macro, scope);
  if (node.meta.alternate)
    return node.op === 'rcall' ? estimateComprehension(nameOf(node), node.meta.alternate, scope) : value(node, 0);
  switch (node.op) {
    case 'value':
      return { cost: 0, size: lengthOf(node.args), schema: undefined };
    case 'id':
      return { cost: 1, ...(scope.get(String(node.args)) ?? sized(node)) };
    case '.':
    case '.?': {
      const [of, name] = node.args as [Node, string];
      const from = estimate(of, scope);
      return { cost: from.cost + 1, ...part(fieldOf(from.schema, name), node) };
    }
    case '[]':
    case '[?]': {
      const [of, index] = (node.args as [Node, Node]).map((one) => estimate(one, scope)) as [Estimate, Estimate];
      return { cost: of.cost + index.cost + 1, ...part(elementSchema(of.schema), node) };
    }
    case '?:': {
      const [condition, yes, no] = (node.args as Node[]).map((one) => estimate(one, scope)) as Estimate[];
      return { ...larger(yes!, no!), cost: condition!.cost + Math.max(yes!.cost, no!.cost) };
    }
    case '&&':
    case '||':
      return value(node, sum(node.args as Node[], scope));
    case 'list': {
      const items = node.args as Node[];
      return { cost: listCost + sum(items, scope), size: items.length, schema: undefined };
    }
    case 'map': {
      const entries = node.args as Node[][];
      return { cost: mapCost + sum(entries.flat(), scope), size: entries.length, schema: undefined };
    }
    case '!_':
    case '-_':
      return value(node, 1 + estimate(node.args as Node, scope).cost);
    case 'call':
    case 'rcall':
      return estimateCall(node, scope);
    default:
      return estimateOperator(node, scope);
  }
}

function estimateOperator(node: Node, scope: Scope): Estimate {
  const [left, right] = (node.args as [Node, Node]).map((one) => estimate(one, scope)) as [Estimate, Estimate];
  const isText = isTextType((node.args as [Node])[0]);
  const cost = left.cost + right.cost + operatorCost(node.op, left.size, right.size, isText);
  const size = node.op === '+' && !isScalar(node) ? left.size + right.size : sized(node).size;
  return { cost, size, schema: node.op === '+' ? left.schema : undefined };
}

/** Functions whose result is no longer than what they are given. */
const keepLength = new Set(
  'lowerAscii upperAscii substring trim reverse split find findAll charAt distinct'.split(' '),
);

function estimateCall(node: Node, scope: Scope): Estimate {
  const { name, inputs } = qualifiedName(node);
  const given = inputs.map((one) => estimate(one, scope));
  const sizes = given.map(({ size }) => size);
  const [first] = given;
  const textSize = name === 'join' ? joinedSize(given) : 1;
  const cost = given.reduce((total, one) => total + one.cost, callCost(name, sizes, textSize));
  if (name === 'join') return { cost, size: textSize, schema: undefined };
  if (first && keepLength.has(name)) return { cost, size: Math.max(1, first.size), schema: undefined };
  if (name === 'replace') return { cost, size: Math.max(1, sizes[0]! * Math.max(1, sizes[2] ?? 1)), schema: undefined };
  if (name === 'dyn' || name === 'value' || name === 'of') return { ...(first ?? value(node, 0)), cost };
  return value(node, cost);
}

const joinedSize = ([list, separator]: Estimate[]) =>
  (list?.size ?? 1) * ((maxElements(elementSchema(list?.schema)) || 1) + (separator?.size ?? 0));

function estimateMacro(node: Node, macro: Macro, scope: Scope): Estimate {
  if (macro.presence) return value(node, estimate(macro.presence, scope).cost);
  if (macro.twoVariables) {
    const { name, range, keyName, valueName, bodies } = macro.twoVariables;
    const over = estimate(range, scope);
    const key = over.schema?.type === 'array' ? oneOf(undefined, 1) : oneOf(undefined, maxKeyLength);
    const element = elementSchema(over.schema);
    const inner = new Map([...scope, [keyName, key], [valueName, oneOf(element, maxElements(element))]]);
    const { before, round, taken } = macroCosts[name]!;
    const cost = over.cost + before + over.size * (round + taken + sum(bodies, inner));
    return { cost, size: isScalar(node) ? 1 : over.size, schema: undefined };
  }
  const { val, exp, receiver, arg } = macro;
  if (val && exp) {
    const bound = estimate(val, scope);
    const result = estimate(exp, new Map([...scope, [macro.var ?? '', bound]]));
    return { ...result, cost: result.cost + bound.cost + 1 };
  }
  const [of, otherwise] = [receiver, arg].map((one) => (one ? estimate(one, scope) : value(node, 0)));
  return { ...larger(of!, otherwise!), cost: of!.cost + otherwise!.cost + 1 };
}

/** Names of fields in a map may be as long as the whole request. */
const maxKeyLength = 3 * 1024 * 1024;

function estimateComprehension(name: string, node: Node, scope: Scope): Estimate {
  const { iterable, iterVarName, step } = node.args as Comprehension;
  const over = estimate(iterable, scope);
  const isMapRange = over.schema?.type === 'object';
  const item = isMapRange ? undefined : elementSchema(over.schema);
  const inner = new Map([...scope, [iterVarName, oneOf(item, isMapRange ? maxKeyLength : maxElements(item))]]);
  const costs = macroCosts[name]!;
  let body: number;
  if (step.op === '?:') {
    const [condition, yes] = step.args as [Node, Node];
    const taken = yes.op === 'accuPush' ? estimate(yes.args as Node, inner).cost : 0;
    body = estimate(condition, inner).cost + Math.max(taken + costs.taken, costs.passed);
  } else body = estimate(step.args as Node, inner).cost + costs.taken;
  const cost = over.cost + costs.before + over.size * (costs.round + body);
  const keeps = name === 'filter' ? over.schema : undefined;
  return { cost, size: name === 'map' || name === 'filter' ? over.size : 1, schema: keeps };
}

const oneOf = (schema: JsonSchema | undefined, size: number) => ({ schema, size });

const sum = (nodes: Node[], scope: Scope) => nodes.reduce((total, one) => total + estimate(one, scope).cost, 0);

const larger = (a: Estimate, b: Estimate): Estimate => (b.size > a.size ? b : a);

const value = (node: Node, cost: number): Estimate => ({ cost, ...sized(node) });

const fixed = new Set([
  'int',
  'uint',
  'double',
  'bool',
  'null',
  'google.protobuf.Timestamp',
  'google.protobuf.Duration',
]);
const isScalar = (node: Node) => fixed.has(node.checkedType?.name ?? '');

const sized = (node: Node) => ({ size: isScalar(node) ? 1 : unknownSize, schema: undefined });

const part = (schema: JsonSchema | undefined, node: Node) =>
  schema ? { size: maxElements(schema), schema } : sized(node);

function fieldOf(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  if (!schema) return undefined;
  const own = Object.entries(schema.properties ?? {}).find(([key]) => escapeName(key) === name);
  return own?.[1] ?? extraSchema(schema);
}

function elementSchema(schema: JsonSchema | undefined): JsonSchema | undefined {
  if (!schema) return undefined;
  return schema.type === 'array' ? (schema.items as JsonSchema | undefined) : extraSchema(schema);
}

const lengthOf = (constant: unknown) =>
  typeof constant === 'string' || constant instanceof Uint8Array ? constant.length : 1;
