import type { EvaluationContext, Evaluator, Node } from '../tree.ts';

/** What macros get from the compiler, whose own types leave it out. */

export interface Type {
  name: string;
  kind: string;
  keyType?: Type;
  valueType?: Type;
}

export interface Overlay extends EvaluationContext {
  forkWithVariable(name: string, type: Type): Overlay;
  reuse(parent: EvaluationContext): Overlay;
  setIterValue(value: unknown, evaluator: Evaluator): Overlay;
}

export interface Checker {
  check(node: Node, context: Overlay): Type;
  getType(name: string): Type;
  registry: {
    getListType(of: Type): Type;
    getMapType(key: Type, of: Type): Type;
    getOptionalType(of: Type): Type;
  };
  createError(code: string, message: string, node: Node): Error;
}

/** The name that a macro gives to a value. */
export function identifier(node: Node): string {
  if (node.op === 'id') return String(node.args);
  throw new Error('argument must be a simple name');
}
