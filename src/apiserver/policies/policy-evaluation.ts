import { requestBudget } from '../../api/cel/meter.ts';
import { treeOf, variablesIn } from '../../api/cel/tree.ts';
import { toCel } from '../../api/cel/values.ts';
import type { MatchCondition, Variable } from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { namespaces } from '../../api/resource.ts';
import type { Authorizer, ObjectReader } from '../request.ts';
import type { Subject } from '../webhooks/admission-review.ts';
import {
  Budget,
  type ComputedVariables,
  compileExpression,
  OutOfBudget,
  type Variables,
  variablesOf,
} from './expressions.ts';
import { allHold } from './match-conditions.ts';

interface PolicySpec {
  variables?: Variable[];
  matchConditions?: MatchCondition[];
}

/** One policy with one binding and one parameter, applied to one request. */
export class PolicyEvaluation {
  readonly #spec: PolicySpec;
  readonly #bindings: Variables;
  readonly #budget: Budget;
  /** Variables of the policy that have been computed. */
  readonly #computed: ComputedVariables;

  constructor(
    spec: PolicySpec,
    subject: Subject,
    params: KubeObject | null,
    { reader, authorizer }: { reader: ObjectReader; authorizer: Authorizer },
    budget = new Budget(requestBudget),
  ) {
    this.#spec = spec;
    this.#budget = budget;
    const { namespace, resource } = subject.attributes;
    const isNamespace = resource.group === '' && resource.resource === 'namespaces';
    const around = namespace && !isNamespace ? reader.get(namespaces, '', namespace) : undefined;
    this.#bindings = variablesOf(subject, authorizer);
    this.#bindings.params = toCel(params);
    this.#bindings.namespaceObject = toCel(around ?? null);
    this.#computed = this.#bindings.variables as ComputedVariables;
  }

  matches(): Promise<boolean> {
    return allHold(this.#spec.matchConditions ?? [], this.#bindings);
  }

  /** The value of an expression; throws an Error that names it, or OutOfBudget. */
  async evaluate(expression: string): Promise<unknown> {
    await this.#compute(expression);
    return this.#budget.evaluate(expression, this.#bindings);
  }

  /** Computes the variables that an expression reads. One that cannot be computed fails those who read it. */
  async #compute(expression: string): Promise<void> {
    for (const name of this.#variablesOf(expression)) {
      const variable = this.#spec.variables?.find((one) => one.name === name);
      if (!variable || Object.hasOwn(this.#computed, name)) continue;
      // Nothing can read it while it is computed: variables read only those before them.
      Object.defineProperty(this.#computed, name, { value: null, configurable: true });
      const get = await this.#valueOf(variable);
      Object.defineProperty(this.#computed, name, { get, configurable: true });
    }
  }

  async #valueOf({ name, expression }: Variable): Promise<() => unknown> {
    try {
      const value = await this.evaluate(expression);
      return () => value;
    } catch (error) {
      if (error instanceof OutOfBudget) throw error;
      const why = ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
      return () => {
        throw new Error(`composited variable ${JSON.stringify(name)} fails to evaluate: ${why.split('\n', 1)[0]}`);
      };
    }
  }

  #variablesOf(expression: string): string[] {
    try {
      return variablesIn(treeOf(compileExpression(expression)));
    } catch {
      // The evaluation says so.
      return [];
    }
  }
}
