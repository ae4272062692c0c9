import type {
  AuditAnnotation,
  ValidatingAdmissionPolicySpec,
  Validation,
} from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Subject } from '../webhooks/admission-review.ts';
import { OutOfBudget } from './expressions.ts';
import type { PolicyContext } from './invocations.ts';
import { PolicyEvaluation } from './policy-evaluation.ts';

/** Something that a policy has against a request. */
export interface Decision {
  message: string;
  reason?: string;
  /** Which of its validations says so. */
  index: number;
  /** Whether the request is refused whatever the binding says. */
  always?: boolean;
}

export interface Judgement {
  decisions: Decision[];
  annotations: { key: string; value: string }[];
}

/** A message that an expression makes may be so long (apiserver pkg/apis/cel MaxEvaluatedMessageExpressionSizeBytes). */
const maxMessageBytes = 5 * 1024;

/** What one policy says of a request (apiserver pkg/admission/plugin/policy/validating/validator.go). */
export async function judgePolicy(
  spec: ValidatingAdmissionPolicySpec,
  subject: Subject,
  params: KubeObject | null,
  context: PolicyContext,
): Promise<Judgement> {
  const evaluation = new PolicyEvaluation(spec, subject, params, context);
  const failed = (error: unknown, index = 0): Decision[] =>
    spec.failurePolicy === 'Ignore' ? [] : [{ message: (error as Error).message, index }];
  try {
    if (!(await evaluation.matches())) return { decisions: [], annotations: [] };
    const decisions: Decision[] = [];
    for (const [index, validation] of (spec.validations ?? []).entries())
      decisions.push(...(await judgeValidation(validation, index, evaluation, failed)));
    // Annotations have a budget of their own.
    const forAnnotations = new PolicyEvaluation(spec, subject, params, context);
    const annotations: Judgement['annotations'] = [];
    for (const annotation of spec.auditAnnotations ?? []) {
      const { value, problem } = await annotationValue(annotation, forAnnotations);
      if (problem !== undefined) {
        if (spec.failurePolicy !== 'Ignore') decisions.push({ message: problem, index: 0, always: true });
      } else if (value) annotations.push({ key: annotation.key, value });
    }
    return { decisions, annotations };
  } catch (error) {
    return { decisions: failed(error), annotations: [] };
  }
}

async function judgeValidation(
  validation: Validation,
  index: number,
  evaluation: PolicyEvaluation,
  failed: (error: unknown, index: number) => Decision[],
): Promise<Decision[]> {
  try {
    if ((await evaluation.evaluate(validation.expression)) === true) return [];
  } catch (error) {
    if (error instanceof OutOfBudget) throw error;
    return failed(error, index);
  }
  try {
    const message = await messageOf(validation, evaluation);
    return [{ message, reason: validation.reason ?? 'Invalid', index }];
  } catch (error) {
    return failed(new Error(`failed messageExpression: ${(error as Error).message}`), index);
  }
}

/** What the expression says, else the message, else the expression that failed. */
async function messageOf(
  { message, messageExpression, expression }: Validation,
  evaluation: PolicyEvaluation,
): Promise<string> {
  if (messageExpression) {
    try {
      const value = await evaluation.evaluate(messageExpression);
      const text = typeof value === 'string' ? value.trim() : '';
      if (text && !text.includes('\n') && Buffer.byteLength(text) <= maxMessageBytes) return text;
    } catch (error) {
      if (error instanceof OutOfBudget) throw error;
    }
  }
  return message?.trim() || `failed expression: ${expression.trim()}`;
}

async function annotationValue(
  { valueExpression }: AuditAnnotation,
  evaluation: PolicyEvaluation,
): Promise<{ value?: string; problem?: string }> {
  try {
    const value = await evaluation.evaluate(valueExpression);
    if (value === null) return {};
    if (typeof value === 'string') return { value: value.trim() };
    return {
      problem: `valueExpression '${valueExpression}' resulted in unsupported return type. Return type must be either string or null.`,
    };
  } catch (error) {
    if (error instanceof OutOfBudget) throw error;
    return { problem: (error as Error).message };
  }
}
