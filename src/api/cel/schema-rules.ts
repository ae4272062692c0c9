import { Optional, type ParseResult } from '@marcbachmann/cel-js';
import type { ValidationRule } from '../generated/apiextensions-v1.ts';
import type { KubeObject } from '../object.ts';
import type { Cause } from '../status-error.ts';
import { childPath, extraSchema, isMap, type JsonSchema } from '../structural/json-schema.ts';
import { duplicate, forbiddenField, invalidValue, required, sameValue } from '../validation/field-error.ts';
import { compileMetered, dynamicEnvironment } from './load.ts';
import { CostExceeded, Ledger, ledgerKey, requestBudget } from './meter.ts';
import { celProblem } from './problems.ts';
import { toCel } from './values.ts';

interface CompiledRule {
  source: ValidationRule;
  run: ParseResult;
  message: ParseResult | undefined;
  /** Compares with the old value. */
  isTransition: boolean;
}

/** A schema with the rules at this place and below. */
interface RuleNode {
  schema: JsonSchema;
  rules: CompiledRule[];
  properties: Map<string, RuleNode>;
  extra: RuleNode | undefined;
  items: RuleNode | undefined;
}

/** Judges objects by the CEL rules of their schema (KEP-2876; apiextensions-apiserver pkg/apiserver/schema/cel). */
export function compileRules(
  schema: JsonSchema,
): (object: KubeObject, old: KubeObject | undefined, warn?: (message: string) => void) => Cause[] {
  const environment = dynamicEnvironment(['self', 'oldSelf']);
  const root = compileNode(schema, (expression) => compileMetered(environment, expression));
  if (!root) return () => [];
  return (object, old, warn = () => {}) => {
    const evaluation: Evaluation = { errors: [], warn, remaining: requestBudget };
    try {
      evaluateNode(evaluation, root, object, old, '', false);
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
    }
    return evaluation.errors;
  };
}

/** The judgement of one object. */
interface Evaluation {
  errors: Cause[];
  warn: (message: string) => void;
  /** What all further rules together may cost. */
  remaining: number;
}

/** No further rules are run; the last error says why. */
class Stopped extends Error {}

function compileNode(schema: JsonSchema, parse: (expression: string) => ParseResult): RuleNode | undefined {
  const rules = (schema['x-kubernetes-validations'] ?? []).flatMap((source): CompiledRule[] => {
    try {
      const message = source.messageExpression ? parse(source.messageExpression) : undefined;
      return [{ source, run: parse(source.rule), message, isTransition: usesOldSelf(source.rule) }];
    } catch {
      // Stored before it was checked: such a rule cannot hold anybody back.
      return [];
    }
  });
  const properties = new Map<string, RuleNode>();
  for (const [name, one] of Object.entries(schema.properties ?? {})) {
    const node = compileNode(one, parse);
    if (node) properties.set(name, node);
  }
  const extraOf = extraSchema(schema);
  const extra = extraOf && compileNode(extraOf, parse);
  const items = schema.items && compileNode(schema.items, parse);
  if (rules.length === 0 && properties.size === 0 && !extra && !items) return undefined;
  return { schema, rules, properties, extra, items };
}

export const usesOldSelf = (rule: string) => /\boldSelf\b/.test(rule);

/**
 * What is as it was is not held against the object, but told of (KEP-4008, ratcheting). Where it is not known what was
 * there before, that goes by what is around it: `isAroundUnchanged`.
 */
function evaluateNode(
  evaluation: Evaluation,
  node: RuleNode,
  value: unknown,
  old: unknown,
  path: string,
  isAroundUnchanged: boolean,
): void {
  if (value === null || value === undefined) return;
  const isUnchanged = old === undefined ? isAroundUnchanged : sameValue(value, old);
  if (node.rules.length > 0) {
    const self = toCel(value, node.schema);
    const oldSelf = old === undefined ? undefined : toCel(old, node.schema);
    for (const rule of node.rules) evaluateRule(evaluation, rule, { self, oldSelf, isUnchanged }, node.schema, path);
  }
  if (Array.isArray(value)) {
    if (!node.items) return;
    const before = correlate(node.schema, old);
    for (const [i, item] of value.entries())
      evaluateNode(evaluation, node.items, item, before(item), `${path}[${i}]`, isUnchanged);
    return;
  }
  if (!isMap(value)) return;
  for (const [key, one] of Object.entries(value)) {
    const inner = node.properties.get(key) ?? (node.schema.properties?.[key] ? undefined : node.extra);
    if (inner)
      evaluateNode(evaluation, inner, one, isMap(old) ? old[key] : undefined, childPath(path, key), isUnchanged);
  }
}

function correlate(schema: JsonSchema, old: unknown): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || !keys || !Array.isArray(old)) return () => undefined;
  return (item) => old.find((one) => keys.every((key) => isMap(one) && isMap(item) && sameValue(one[key], item[key])));
}

function evaluateRule(
  evaluation: Evaluation,
  { source, run, message, isTransition }: CompiledRule,
  { self, oldSelf, isUnchanged }: { self: unknown; oldSelf: unknown; isUnchanged: boolean },
  schema: JsonSchema,
  path: string,
): void {
  const optional = Boolean(source.optionalOldSelf);
  if (isTransition && oldSelf === undefined && !optional) return;
  const old = optional ? (oldSelf === undefined ? Optional.none() : Optional.of(oldSelf)) : oldSelf;
  const context = isTransition || message ? { self, oldSelf: old } : { self };
  const invalid = (text: string) => invalidValue(path || '<nil>', schema.type ?? '', text);
  const shown = source.message?.trim() || source.rule.trim();
  const refuse = (text: string) => void evaluation.errors.push(invalid(text));
  const stop = (text: string): never => {
    refuse(text);
    throw new Stopped(text);
  };
  try {
    if (spend(evaluation, run, context, stop) === true) return;
  } catch (error) {
    if (error instanceof Stopped) throw error;
    const problem = celProblem(error);
    if (error instanceof CostExceeded)
      stop(`'${problem}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown}`);
    if (/no such overload|no matching overload/.test(problem))
      refuse(`call arguments did not match a supported operator, function or macro signature for rule: ${shown}`);
    else refuse(`rule evaluation error: ${problem} evaluating rule: ${shown}`);
    return;
  }
  const detail =
    messageOf(evaluation, message, context, stop) ?? source.message ?? `failed rule: ${source.rule.trim()}`;
  const cause = withReason(source.reason, source.fieldPath ? path + source.fieldPath : path, schema, detail);
  if (isUnchanged && !isTransition) evaluation.warn(`${cause.field}: ${cause.message}`);
  else evaluation.errors.push(cause);
}

const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run';

/** The value of an expression, paid for; stops all when there is nothing left to pay with. */
function spend(evaluation: Evaluation, run: ParseResult, context: object, stop: (text: string) => never): unknown {
  const ledger = new Ledger();
  try {
    const value: unknown = run({ ...context, [ledgerKey]: ledger });
    // An expression may have gone on without the part that was too much.
    if (ledger.isExceeded) throw new CostExceeded();
    return value;
  } finally {
    evaluation.remaining -= ledger.spent;
    if (evaluation.remaining < 0) stop(outOfBudget);
  }
}

/** An expression that fails, or gives nothing to read, is passed over. */
function messageOf(
  evaluation: Evaluation,
  expression: ParseResult | undefined,
  context: object,
  stop: (text: string) => never,
): string | undefined {
  if (!expression) return undefined;
  try {
    const text = spend(evaluation, expression, context, stop);
    return typeof text === 'string' && text.trim() && !text.includes('\n') ? text : undefined;
  } catch (error) {
    if (error instanceof Stopped) throw error;
    return undefined;
  }
}

function withReason(reason: string | undefined, path: string, schema: JsonSchema, detail: string): Cause {
  const field = path.replace(/^\./, '') || '<nil>';
  if (reason === 'FieldValueRequired') return required(field, detail);
  if (reason === 'FieldValueForbidden') return forbiddenField(field, detail);
  if (reason === 'FieldValueDuplicate') return duplicate(field, schema.type ?? '');
  return invalidValue(field, schema.type ?? '', detail);
}
