import { type Environment, Optional } from '@marcbachmann/cel-js';
import type { EvaluationContext, Evaluator, Macro, Node } from '../tree.ts';
import type { Checker, Overlay } from './macro-types.ts';

interface FieldReader extends Evaluator {
  debugType(value: unknown): { fieldLazy(value: unknown, name: string, node: Node, evaluator: Evaluator): unknown };
}

/** has() of a field of any value; the compiler's own knows only chains of names, so this one is called has__(). */
export function registerPresence(environment: Environment): void {
  const expand = ({ args }: { args: Node[] }): object => {
    const [field] = args as [Node];
    const [presence, name] = field.args as [Node, string];
    return {
      async: false,
      presence,
      typeCheck(checker: Checker, _macro: Macro, context: Overlay) {
        if (field.op !== '.' && field.op !== '.?')
          throw checker.createError('invalid_macro_argument', 'invalid argument to has() macro', field);
        checker.check(field, context);
        return checker.getType('bool');
      },
      evaluate(evaluator: FieldReader, _macro: Macro, context: EvaluationContext): boolean {
        let value = evaluator.run(presence, context);
        if (value instanceof Optional) {
          if (!value.hasValue()) return false;
          value = value.value();
        }
        return evaluator.debugType(value).fieldLazy(value, name, field, evaluator) !== undefined;
      },
    };
  };
  environment.registerFunction('has__(ast): bool', expand as never);
}
