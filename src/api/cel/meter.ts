import type { ParseResult } from '@marcbachmann/cel-js';
import { callCost, listCost, macroCosts, mapCost, operatorCost } from './call-cost.ts';
import { correctionOf, inRange } from './corrections.ts';
import {
  type Comprehension,
  type EvaluationContext,
  isConstant,
  type Macro,
  type Node,
  nameOf,
  qualifiedName,
  treeOf,
} from './tree.ts';

/** One expression may cost this much (apiserver pkg/apis/cel PerCallLimit). */
export const perCallLimit = 1_000_000;
/** All expressions of one rule set or policy together (RuntimeCELCostBudget). */
export const requestBudget = 10_000_000;
export const matchConditionsBudget = requestBudget / 4;

export class CostExceeded extends Error {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

/** What one evaluation has cost so far; throws at the node with which it is too much. */
export class Ledger {
  readonly #limit: number;
  /** Only grows. */
  spent = 0;

  constructor(limit = perCallLimit) {
    this.#limit = limit;
  }

  spend(cost: number): void {
    this.spent += cost;
    if (this.isExceeded) throw new CostExceeded();
  }

  get isExceeded(): boolean {
    return this.spent > this.#limit;
  }
}

/** Where an evaluation finds its ledger: among the variables, under a name that no expression can spell. */
export const ledgerKey = ' ledger';

/** From now on evaluations of this checked expression are charged to the ledger among their variables. */
export function meter(expression: ParseResult): void {
  charge(treeOf(expression));
}

function charge(node: Node): void {
  if (node.meta.macro) {
    chargeMacro(node, node.meta.macro);
    return;
  }
  if (node.meta.alternate) {
    // The other nodes that stand for something else are names of constants.
    if (node.op === 'rcall') chargeComprehension(nameOf(node), node.meta.alternate);
    return;
  }
  switch (node.op) {
    case 'value':
      break;
    case 'id':
      before(node, 1);
      break;
    case '.':
    case '.?':
      charge((node.args as [Node])[0]);
      before(node, 1);
      break;
    case '?:':
    case '&&':
    case '||':
      for (const one of node.args as Node[]) charge(one);
      break;
    case 'list':
      if (!isConstant(node)) before(node, listCost);
      for (const one of node.args as Node[]) charge(one);
      break;
    case 'map':
      before(node, mapCost);
      for (const entry of node.args as Node[][]) for (const one of entry) charge(one);
      break;
    case '!_':
    case '-_':
      charge(node.args as Node);
      before(node, 1, inRange);
      break;
    case 'call':
    case 'rcall':
      chargeCall(node);
      break;
    case '[]':
    case '[?]':
      for (const one of node.args as Node[]) charge(one);
      before(node, 1);
      break;
    default:
      chargeOperator(node);
  }
}

function spend(context: EvaluationContext, cost: number): void {
  (context.getValue(ledgerKey) as Ledger | undefined)?.spend(cost);
}

function before(node: Node, cost: number, judged = (value: unknown) => value): void {
  const evaluate = evaluationOf(node);
  node.evaluate = (evaluator, self, context) => {
    spend(context, cost);
    return judged(evaluate(evaluator, self, context));
  };
}

/** A node finds out at its first evaluation what it does: that must not replace what counts. */
function evaluationOf(node: Node): Node['evaluate'] {
  if (Object.hasOwn(node, 'evaluate')) return node.evaluate;
  const { macro, evaluate } = node.meta;
  return macro ? (evaluator, _self, context) => macro.evaluate(evaluator, macro, context) : evaluate;
}

function chargeOperator(node: Node): void {
  const [left, right] = node.args as [Node, Node];
  charge(left);
  charge(right);
  node.evaluate = (evaluator, self, context) => {
    const a = evaluator.run(left, context);
    const b = evaluator.run(right, context);
    spend(context, operatorCost(node.op, sizeOf(a), sizeOf(b), isText(a)));
    return inRange(node.handle!(a, b, self, evaluator));
  };
}

function chargeCall(node: Node): void {
  const { name, inputs } = qualifiedName(node);
  const all = node.receiverWithArgs ?? (node.args as [string, Node[]])[1];
  for (const one of all) charge(one);
  // A namespace is no value that anybody looks at.
  const skipped = all.length - inputs.length;
  const correction = correctionOf(name);
  node.evaluate = (evaluator, self, context) => {
    const values = all.map((one) => evaluator.run(one, context));
    const given = skipped === 0 ? values : values.slice(skipped);
    spend(context, callCost(name, given.map(sizeOf), name === 'join' ? joinedSize(values[0]) : 1));
    const instead = correction?.(given);
    if (instead) return instead();
    const ready = values.some((one) => one instanceof Promise) ? Promise.all(values) : values;
    if (name === 'duration' || name === 'int') return inRange(node.handle!(ready, self, evaluator));
    return node.op === 'call' ? node.handle!(ready, self, evaluator) : node.handle!(ready, evaluator, self);
  };
}

function chargeMacro(node: Node, macro: Macro): void {
  if (macro.presence) {
    // The test of the field itself costs nothing.
    charge(macro.presence);
    return;
  }
  if (macro.twoVariables) {
    const { name, range, bodies } = macro.twoVariables;
    const { before: once, round, taken } = macroCosts[name]!;
    before(node, once);
    charge(range);
    for (const [i, body] of bodies.entries()) {
      charge(body);
      before(body, i === 0 ? round + taken : 0);
    }
    return;
  }
  before(node, 1);
  for (const one of [macro.receiver, macro.arg, macro.val, macro.exp]) if (one) charge(one);
}

function chargeComprehension(name: string, node: Node): void {
  const { iterable, step } = node.args as Comprehension;
  const { before: once, round, taken, passed } = macroCosts[name]!;
  before(node, once);
  charge(iterable);
  if (round > 0) before(step, round);
  if (step.op !== '?:') {
    charge(step.args as Node);
    before(step, taken);
    return;
  }
  const [condition, yes, no] = step.args as [Node, Node, Node];
  charge(condition);
  if (yes.op === 'accuPush') charge(yes.args as Node);
  if (taken > 0) before(yes, taken);
  if (passed > 0) before(no, passed);
}

export function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof Map || value instanceof Set) return value.size;
  if (typeof value === 'object' && value !== null && value.constructor === Object) return Object.keys(value).length;
  return 1;
}

const isText = (value: unknown) => typeof value === 'string' || value instanceof Uint8Array;

const joinedSize = (list: unknown) =>
  Array.isArray(list) ? list.reduce<number>((sum, one) => sum + sizeOf(one), 0) : 1;
