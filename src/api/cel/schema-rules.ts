import { Optional, type ParseResult } from '@marcbachmann/cel-js';
import type { ValidationRule } from '../generated/apiextensions-v1.ts';
import type { KubeObject } from '../object.ts';
import type { Cause } from '../status-error.ts';
import { childPath, extraSchema, isMap, type JsonSchema, walkSchema } from '../structural/json-schema.ts';
import { duplicate, forbiddenField, invalidValue, required, sameValue } from '../validation/field-error.ts';
import { celProblem, compilationProblem, dynamicEnvironment, newEnvironment } from './load.ts';
import { SchemaTypes } from './schema-types.ts';
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
export function compileRules(schema: JsonSchema): (object: KubeObject, old: KubeObject | undefined) => Cause[] {
  const environment = dynamicEnvironment(['self', 'oldSelf']);
  const root = compileNode(schema, (expression) => environment.parse(expression));
  if (!root) return () => [];
  return (object, old) => evaluateNode(root, object, old, '');
}

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

const usesOldSelf = (rule: string) => /\boldSelf\b/.test(rule);

function evaluateNode(node: RuleNode, value: unknown, old: unknown, path: string): Cause[] {
  if (value === null || value === undefined) return [];
  const unchanged = old !== undefined && sameValue(value, old);
  const errors: Cause[] = [];
  if (node.rules.length > 0) {
    const self = toCel(value, node.schema);
    const oldSelf = old === undefined ? undefined : toCel(old, node.schema);
    for (const rule of node.rules) {
      // What is as it was is not judged again (KEP-4008).
      if (unchanged && !rule.isTransition) continue;
      const error = evaluateRule(rule, self, oldSelf, node.schema, path);
      if (error) errors.push(error);
    }
  }
  if (Array.isArray(value)) {
    if (!node.items) return errors;
    const before = correlate(node.schema, old);
    for (const [i, item] of value.entries())
      errors.push(...evaluateNode(node.items, item, before(item), `${path}[${i}]`));
    return errors;
  }
  if (!isMap(value)) return errors;
  for (const [key, one] of Object.entries(value)) {
    const inner = node.properties.get(key) ?? (node.schema.properties?.[key] ? undefined : node.extra);
    if (inner) errors.push(...evaluateNode(inner, one, isMap(old) ? old[key] : undefined, childPath(path, key)));
  }
  return errors;
}

function correlate(schema: JsonSchema, old: unknown): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || !keys || !Array.isArray(old)) return () => undefined;
  return (item) => old.find((one) => keys.every((key) => isMap(one) && isMap(item) && sameValue(one[key], item[key])));
}

function evaluateRule(
  { source, run, message, isTransition }: CompiledRule,
  self: unknown,
  oldSelf: unknown,
  schema: JsonSchema,
  path: string,
): Cause | undefined {
  const optional = Boolean(source.optionalOldSelf);
  if (isTransition && oldSelf === undefined && !optional) return undefined;
  const old = optional ? (oldSelf === undefined ? Optional.none() : Optional.of(oldSelf)) : oldSelf;
  const context = isTransition || message ? { self, oldSelf: old } : { self };
  const shown = source.message?.trim() || source.rule.trim();
  try {
    if (run(context) === true) return undefined;
  } catch (error) {
    const problem = celProblem(error);
    const overload = /no such overload|no matching overload/.test(problem);
    const text = overload
      ? `call arguments did not match a supported operator, function or macro signature for rule: ${shown}`
      : `rule evaluation error: ${problem} evaluating rule: ${shown}`;
    return invalidValue(path || '<nil>', schema.type ?? '', text);
  }
  const detail = messageOf(message, context) ?? source.message ?? `failed rule: ${source.rule.trim()}`;
  return withReason(source.reason, source.fieldPath ? path + source.fieldPath : path, schema, detail);
}

/** An expression that fails, or gives nothing to read, is passed over. */
function messageOf(expression: ParseResult | undefined, context: object): string | undefined {
  if (!expression) return undefined;
  try {
    const text: unknown = expression(context);
    return typeof text === 'string' && text.trim() && !text.includes('\n') ? text : undefined;
  } catch {
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

/** What is wrong with the rules of a schema: they must compile, and be about what the schema declares. */
export function ruleErrors(schema: JsonSchema, path: string): Cause[] {
  const errors: Cause[] = [];
  walkSchema(schema, path, (one, at) => {
    for (const [i, rule] of (one['x-kubernetes-validations'] ?? []).entries())
      errors.push(...checkRule(rule, one, `${at}.x-kubernetes-validations[${i}]`, at === path));
  });
  return errors;
}

const reasons = ['FieldValueRequired', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueDuplicate'];

function checkRule(rule: ValidationRule, schema: JsonSchema, path: string, isRoot: boolean): Cause[] {
  const errors: Cause[] = [];
  if (!rule.rule.trim()) return [required(`${path}.rule`, 'rule is not specified')];
  if (rule.reason && !reasons.includes(rule.reason))
    errors.push({
      reason: 'FieldValueNotSupported',
      field: `${path}.reason`,
      message: `Unsupported value: ${JSON.stringify(rule.reason)}: supported values: ${reasons.map((one) => JSON.stringify(one)).join(', ')}`,
    });
  if (rule.message?.includes('\n'))
    errors.push(invalidValue(`${path}.message`, rule.message, 'message must not contain line breaks'));
  if (rule.optionalOldSelf && !usesOldSelf(rule.rule))
    errors.push(invalidValue(`${path}.optionalOldSelf`, true, 'may not be set if oldSelf is not used in rule'));
  const environment = newEnvironment();
  const type = new SchemaTypes(environment).typeOf(schema, isRoot);
  environment.registerVariable('self', type);
  environment.registerVariable('oldSelf', rule.optionalOldSelf ? `optional<${type}>` : type);
  const compile = (expression: string, field: string, wanted: string) => {
    const { valid, type: found, error } = environment.check(expression);
    if (!valid) errors.push(invalidValue(field, rule, compilationProblem(error, expression)));
    else if (found !== wanted && found !== 'dyn')
      errors.push(
        invalidValue(
          field,
          rule,
          `${field.endsWith('rule') ? 'cel expression' : 'messageExpression'} must evaluate to a ${wanted}`,
        ),
      );
  };
  compile(rule.rule, `${path}.rule`, 'bool');
  if (rule.messageExpression) compile(rule.messageExpression, `${path}.messageExpression`, 'string');
  return errors;
}
