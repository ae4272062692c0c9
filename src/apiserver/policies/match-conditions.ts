import type { MatchCondition } from '../../api/generated/admissionregistration-v1.ts';
import type { Authorizer } from '../request.ts';
import { type Subject, WebhookFailure } from '../webhooks/admission-review.ts';
import { evaluateExpression, type Variables, variablesOf } from './expressions.ts';

/** Whether all conditions hold: one that is false decides, even if others fail (KEP-3716). */
export async function meetsConditions(
  { matchConditions = [] }: { matchConditions?: MatchCondition[] },
  subject: Subject,
  { authorizer }: { authorizer: Authorizer },
): Promise<boolean> {
  return allHold(matchConditions, variablesOf(subject, authorizer));
}

export async function allHold(conditions: readonly MatchCondition[], variables: Variables): Promise<boolean> {
  let failure: Error | undefined;
  for (const { name, expression } of conditions) {
    try {
      const value = await evaluateExpression(expression, variables);
      if (value === false) return false;
      if (value !== true)
        failure ??= new Error(`cel evaluation error: expression '${expression}' resulted in a non-boolean`);
    } catch (error) {
      failure ??= new Error(`expression '${expression}' resulted in error: ${(error as Error).message}`, {
        cause: name,
      });
    }
  }
  if (failure) throw new WebhookFailure(`match conditions failed: ${failure.message}`, { cause: failure });
  return true;
}
