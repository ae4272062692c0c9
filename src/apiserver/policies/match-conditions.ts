import { matchConditionsBudget } from '../../api/cel/meter.ts';
import type { MatchCondition } from '../../api/generated/admissionregistration-v1.ts';
import { forbidden } from '../../api/status-error.ts';
import type { Authorizer } from '../request.ts';
import type { Subject, Webhook } from '../webhooks/admission-review.ts';
import { Budget, OutOfBudget, type Variables, variablesOf } from './expressions.ts';

/** Whether a webhook's conditions hold (KEP-3716; apiserver pkg/admission/plugin/webhook/generic ShouldCallHook). */
export async function meetsConditions(
  { matchConditions = [], failurePolicy }: Webhook,
  subject: Subject,
  { authorizer }: { authorizer: Authorizer },
): Promise<boolean> {
  try {
    return await allHold(matchConditions, variablesOf(subject, authorizer));
  } catch (error) {
    if (failurePolicy === 'Ignore') return false;
    const { attributes } = subject;
    throw forbidden(attributes.resource, attributes.name || 'Unknown', (error as Error).message);
  }
}

/** One condition that is false decides, even if others fail. */
export async function allHold(conditions: readonly MatchCondition[], variables: Variables): Promise<boolean> {
  const budget = new Budget(matchConditionsBudget);
  const failures: string[] = [];
  for (const { expression } of conditions) {
    try {
      if ((await budget.evaluate(expression, variables)) === false) return false;
    } catch (error) {
      if (error instanceof OutOfBudget) throw error;
      failures.push((error as Error).message);
    }
  }
  const [first, ...others] = failures;
  if (first === undefined) return true;
  throw new Error(others.length === 0 ? first : `[${failures.join(', ')}]`);
}
