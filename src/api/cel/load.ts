import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { registerAuthorizer } from './authorizer.ts';
import { registerKubernetesFunctions } from './library/all.ts';
import { meter } from './meter.ts';
import { rewriteLiterals } from './rewrite-literals.ts';

/** What all expressions may use; cloned for each set of variables. */
let base: Environment | undefined;

/** A new environment with the functions of Kubernetes (apiserver pkg/cel/environment). */
export function newEnvironment(): Environment {
  if (!base) {
    base = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
    registerKubernetesFunctions(base);
  }
  return base.clone();
}

let functionNames: ReadonlySet<string> | undefined;

/** Whether there is a function or macro of this name, whatever it takes. */
export function isFunction(name: string): boolean {
  if (!functionNames) {
    const { functions } = registerAuthorizer(newEnvironment()).getDefinitions();
    functionNames = new Set(functions.map((one) => one.name));
  }
  return functionNames.has(name);
}

/** An environment in which these variables may be of any type. */
export function dynamicEnvironment(variables: readonly string[]): Environment {
  const environment = newEnvironment();
  for (const name of variables) environment.registerVariable(name, 'dyn');
  return environment;
}

/**
 * Compiles an expression so that its evaluations are charged to their ledger. Throws where it cannot be compiled.
 * `messages`: it may make parts of objects.
 */
export function compileMetered(
  environment: Environment,
  expression: string,
  options: { messages?: boolean } = {},
): ParseResult {
  const compiled = environment.parse(rewriteLiterals(expression, options).text);
  const { valid, error } = compiled.check();
  if (!valid) throw error;
  meter(compiled);
  return compiled;
}
