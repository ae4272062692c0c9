import type { ParseResult } from '@marcbachmann/cel-js';

/**
 * The compiled form of an expression as cost is counted on it. The compiler's own types leave out what a node gets when
 * it is checked; cost.test.ts holds them against it.
 */
export interface Node {
  op: string;
  args: unknown;
  checkedType?: { name: string; kind: string };
  meta: { alternate?: Node; macro?: Macro; evaluate: Node['evaluate'] };
  left?: Node;
  right?: Node;
  receiverWithArgs?: Node[];
  handle?: (...args: unknown[]) => unknown;
  evaluate(evaluator: Evaluator, node: Node, context: EvaluationContext): unknown;
}

export interface Evaluator {
  run(node: Node, context: EvaluationContext): unknown;
}

export interface EvaluationContext {
  getValue(key: unknown): unknown;
}

/** What a macro became that is no comprehension: has(), cel.bind(), optionals, and our own. */
export interface Macro {
  evaluate(evaluator: Evaluator, macro: Macro, context: EvaluationContext): unknown;
  /** Of has(): the value whose field is asked for. */
  presence?: Node;
  receiver?: Node;
  arg?: Node;
  val?: Node;
  exp?: Node;
  var?: string;
  /** Of comprehensions over two variables. */
  twoVariables?: { name: string; range: Node; keyName: string; valueName: string; bodies: Node[] };
}

export interface Comprehension {
  iterable: Node;
  iterVarName: string;
  init: Node;
  step: Node;
}

export const treeOf = (expression: ParseResult) => expression.ast as unknown as Node;

/** The name of the macro or function that a call names. */
export const nameOf = (node: Node): string =>
  node.op === 'call' || node.op === 'rcall' ? (node.args as [string])[0] : '';

/** A function with what it is applied to: `sets` of sets.contains(a, b) is no value, but part of the name. */
export function qualifiedName(node: Node): { name: string; inputs: Node[] } {
  if (node.op === 'call') {
    const [name, inputs] = node.args as [string, Node[]];
    return { name, inputs };
  }
  const [name, receiver, given] = node.args as [string, Node, Node[]];
  if (receiver.op !== 'id' || !receiver.meta.alternate) return { name, inputs: [receiver, ...given] };
  const space = String(receiver.args);
  return { name: space === 'sets' || space === 'strings' ? `${space}.${name}` : name, inputs: given };
}

export const isTextType = (node: Node) => ['string', 'bytes'].includes(node.checkedType?.name ?? '');

export const isConstant = (node: Node): boolean =>
  node.op === 'value' || (node.op === 'list' && (node.args as Node[]).every(isConstant));

/** The names x of all `variables.x` in an expression. */
export function variablesIn(node: Node): string[] {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (isNode(value)) {
      const [of, name] = value.op.startsWith('.') || value.op.startsWith('[') ? (value.args as [Node, unknown]) : [];
      if (of?.op === 'id' && of.args === 'variables') names.add(String(isNode(name) ? name.args : name));
      // What a macro was given is still there.
      visit(value.args);
    }
  };
  visit(node);
  return [...names];
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'op' in value;
