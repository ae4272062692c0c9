import { type Environment, Optional } from '@marcbachmann/cel-js';
import type { EvaluationContext, Evaluator, Macro, Node } from '../tree.ts';
import { sameCelValue } from './equality.ts';
import { type Checker, identifier, type Overlay, type Type } from './macro-types.ts';

/** What optional values can do beyond what the compiler has (cel-go cel/library.go OptionalTypes). */
export function registerOptionals(environment: Environment): void {
  const sync = { async: false };
  const firstOf = (list: unknown[], index: number) => (list.length > 0 ? Optional.of(list.at(index)) : Optional.none());
  environment
    .registerFunction('optional.optMap(ast, ast): optional<dyn>', expander(true) as never)
    .registerFunction('optional.optFlatMap(ast, ast): optional<dyn>', expander(false) as never)
    .registerFunction(
      'OptionalNamespace.ofNonZeroValue(A): optional<A>',
      (_, value: unknown) => (isZero(value) ? Optional.none() : Optional.of(value)),
      sync,
    )
    .registerFunction(
      'OptionalNamespace.unwrap(list<optional<A>>): list<A>',
      (_, list: Optional[]) => unwrap(list),
      sync,
    )
    .registerFunction('list<optional<A>>.unwrapOpt(): list<A>', unwrap, sync)
    .registerFunction('list<A>.first(): optional<A>', (list: unknown[]) => firstOf(list, 0), sync)
    .registerFunction('list<A>.last(): optional<A>', (list: unknown[]) => firstOf(list, -1), sync)
    .registerOperator('optional == optional', sameOptional as never);
}

/** optMap(name, expression) and optFlatMap(name, expression), whose expression is optional itself. */
function expander(isWrapped: boolean) {
  return ({ args, receiver }: { args: [Node, Node]; receiver: Node }): object => {
    const [nameNode, expression] = args;
    const name = identifier(nameNode);
    /** The scope of the name; set when the call is checked. */
    let scope: Overlay;
    return {
      async: false,
      // As the binding of a name that it is: what it costs is counted like that.
      ...{ val: receiver, exp: expression, var: name },
      typeCheck(checker: Checker, _macro: Macro, context: Overlay): Type {
        const type = checker.check(receiver, context);
        if (type.kind !== 'optional' && type.kind !== 'dyn')
          throw checker.createError(
            'optional_expected',
            `found no matching overload for 'optMap' applied to '${type.name}'`,
            receiver,
          );
        scope = context.forkWithVariable(name, type.valueType ?? checker.getType('dyn'));
        const result = checker.check(expression, scope);
        return isWrapped || result.kind === 'dyn' ? checker.registry.getOptionalType(result) : result;
      },
      evaluate(evaluator: Evaluator, _macro: Macro, context: EvaluationContext): unknown {
        const optional = evaluator.run(receiver, context);
        if (!(optional instanceof Optional)) throw new Error('no such overload: optMap of what is not optional');
        if (!optional.hasValue()) return optional;
        const result = evaluator.run(expression, scope.reuse(context).setIterValue(optional.value(), evaluator));
        return isWrapped ? Optional.of(result) : result;
      },
    };
  };
}

const unwrap = (list: Optional[]) => list.flatMap((one) => (one.hasValue() ? [one.value()] : []));

function sameOptional(a: Optional, b: Optional): boolean {
  if (!a.hasValue() || !b.hasValue()) return a.hasValue() === b.hasValue();
  return sameCelValue(a.value(), b.value());
}

/** The value that a field of the type has when it is not set (common/types/traits Zeroer). */
function isZero(value: unknown): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof Map) return value.size === 0;
  if (typeof value !== 'object' || value instanceof Date) return false;
  if (value.constructor === Object) return Object.keys(value).length === 0;
  return value.constructor.name === 'UnsignedInt' && value.valueOf() === 0n;
}
