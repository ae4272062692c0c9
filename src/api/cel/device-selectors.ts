import type { Environment, ParseResult } from '@marcbachmann/cel-js';
import type { Cause } from '../status-error.ts';
import { invalidValue } from '../validation/field-error.ts';
import { compileMetered, newEnvironment } from './load.ts';
import { compilationProblem } from './problems.ts';
import { rewriteLiterals } from './rewrite-literals.ts';

/** Expressions that choose devices (k8s.io/dynamic-resource-allocation/cel): each sees one `device`. */

let environment: Environment | undefined;

function deviceEnvironment(): Environment {
  if (environment) return environment;
  const made = newEnvironment();
  made.registerType('kubernetes.DRADevice', {
    fields: {
      driver: 'string',
      allowMultipleAllocations: 'bool',
      attributes: 'map<string, map<string, dyn>>',
      capacity: 'map<string, map<string, Quantity>>',
    },
  });
  environment = made.registerVariable('device', 'kubernetes.DRADevice');
  return environment;
}

/** Throws where the expression cannot be compiled. */
export function compileSelector(expression: string): ParseResult {
  return compileMetered(deviceEnvironment(), expression);
}

export interface Selectors {
  path: string;
  expressions: (string | undefined)[];
}

/** What is wrong with the expressions of selectors. */
export function selectorExpressionErrors(all: readonly Selectors[]): Cause[] {
  return all.flatMap(({ path, expressions }) =>
    expressions.flatMap((expression, i) => {
      const problem = expression && problemOf(expression);
      return problem ? [invalidValue(`${path}[${i}].cel.expression`, expression, problem)] : [];
    }),
  );
}

function problemOf(expression: string): string | undefined {
  try {
    const { text, original } = rewriteLiterals(expression);
    const { valid, type = 'dyn', error } = deviceEnvironment().check(text);
    if (!valid) return compilationProblem(error, expression, original);
    return type === 'bool' || type === 'dyn' ? undefined : `must evaluate to bool or the unknown type, not ${type}`;
  } catch (error) {
    return compilationProblem(error, expression);
  }
}
