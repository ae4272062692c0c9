import type { Environment } from '@marcbachmann/cel-js';
import type { EvaluationContext, Evaluator, Macro, Node } from '../tree.ts';
import { type Checker, identifier, type Overlay, type Type } from './macro-types.ts';

/** How the rounds of one macro make its result. */
interface Rounds {
  start: () => unknown;
  /** The result after a round, or undefined to go on with what there is. */
  round(result: never, values: unknown[], key: unknown): unknown;
  /** Whether the rounds that are left can be spared. */
  isDecided?(result: unknown): boolean;
  finish?(result: unknown): unknown;
  type(checker: Checker, key: Type, body: Type): Type;
}

const bool = (checker: Checker) => checker.getType('bool');
const asMap = (checker: Checker, key: Type, body: Type) => checker.registry.getMapType(key, body);

const macros: Record<string, Rounds> = {
  all: {
    start: () => true,
    round: (_, [holds]) => isTrue(holds),
    isDecided: (result) => result === false,
    type: bool,
  },
  exists: {
    start: () => false,
    round: (_, [holds]) => isTrue(holds),
    isDecided: (result) => result === true,
    type: bool,
  },
  existsOne: {
    start: () => 0,
    round: (count: number, [holds]) => count + Number(isTrue(holds)),
    finish: (count) => count === 1,
    type: bool,
  },
  transformList: {
    start: () => [],
    round: (list: unknown[], [item]) => [...list, item],
    type: (checker, _key, body) => checker.registry.getListType(body),
  },
  transformMap: {
    start: () => ({}),
    round: (map: object, [value], key) => ({ ...map, [String(key)]: value }),
    type: asMap,
  },
  transformMapEntry: {
    start: () => ({}),
    round: (map: Record<string, unknown>, [entry]) => {
      for (const key of Object.keys(entry as object))
        if (Object.hasOwn(map, key)) throw new Error(`insert failed: key ${key} already exists`);
      return { ...map, ...(entry as object) };
    },
    type: (_checker, _key, body) => body,
  },
};

/** Comprehensions over two variables, index and item or key and value (cel-go ext/comprehensions.go). */
export function registerComprehensions(environment: Environment): void {
  const register = (name: string, isFiltered: boolean) =>
    environment.registerFunction(
      `list.${name}(ast, ast, ${isFiltered ? 'ast, ast' : 'ast'}): dyn`,
      expander(name, isFiltered) as never,
    );
  for (const name of Object.keys(macros)) {
    register(name, false);
    if (name.startsWith('transform')) register(name, true);
  }
}

function expander(name: string, isFiltered: boolean) {
  const rounds = macros[name]!;
  return ({ args, receiver }: { args: Node[]; receiver: Node }): object => {
    const [keyNode, valueNode, ...bodies] = args as [Node, Node, ...Node[]];
    const [keyName, valueName] = [keyNode, valueNode].map(identifier) as [string, string];
    const body = bodies.at(-1)!;
    /** The scopes of both variables; set when the call is checked. */
    let scopes: [outer: Overlay, inner: Overlay];
    return {
      async: false,
      twoVariables: { name, range: receiver, keyName, valueName, bodies },
      typeCheck(checker: Checker, _macro: Macro, context: Overlay): Type {
        const { key, value } = elementTypes(checker, receiver, checker.check(receiver, context));
        const outer = context.forkWithVariable(keyName, key);
        scopes = [outer, outer.forkWithVariable(valueName, value)];
        const types = bodies.map((one) => checker.check(one, scopes[1]));
        return rounds.type(checker, key, types.at(-1)!);
      },
      evaluate(evaluator: Evaluator, _macro: Macro, context: EvaluationContext): unknown {
        const [outer, inner] = [scopes[0].reuse(context), scopes[1]];
        let result = rounds.start();
        for (const [key, value] of entriesOf(evaluator.run(receiver, context))) {
          const scope = inner.reuse(outer.setIterValue(key, evaluator)).setIterValue(value, evaluator);
          if (isFiltered && !isTrue(evaluator.run(bodies[0]!, scope))) continue;
          result = rounds.round(result as never, [evaluator.run(body, scope)], key);
          if (rounds.isDecided?.(result)) break;
        }
        return rounds.finish ? rounds.finish(result) : result;
      },
    };
  };
}

function elementTypes(checker: Checker, range: Node, type: Type): { key: Type; value: Type } {
  if (type.kind === 'list') return { key: checker.getType('int'), value: type.valueType! };
  if (type.kind === 'map') return { key: type.keyType!, value: type.valueType! };
  if (type.kind === 'dyn') return { key: type, value: type };
  throw checker.createError(
    'invalid_comprehension_range',
    `expression of type '${type.name}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    range,
  );
}

function entriesOf(range: unknown): [unknown, unknown][] {
  if (Array.isArray(range)) return range.map((item, i) => [BigInt(i), item]);
  if (range instanceof Map) return [...range];
  if (typeof range === 'object' && range !== null) return Object.entries(range);
  throw new Error('cannot be range of a comprehension (must be list, map, or dynamic)');
}

function isTrue(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new Error('no such overload: a predicate must be bool');
}
