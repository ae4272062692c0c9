import type { ParseResult } from '@marcbachmann/cel-js';
import type { ValidationRule } from '../generated/apiextensions-v1.ts';
import type { Cause } from '../status-error.ts';
import { extraSchema, type JsonSchema } from '../structural/json-schema.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../validation/field-error.ts';
import { estimateCost } from './estimate.ts';
import { newEnvironment } from './load.ts';
import { compilationProblem } from './problems.ts';
import { rewriteLiterals } from './rewrite-literals.ts';
import { usesOldSelf } from './schema-rules.ts';
import { maxOccurrences } from './schema-size.ts';
import { SchemaTypes } from './schema-types.ts';

/** What one expression may be estimated to cost, and all of a schema together (apiextensions pkg/apis/apiextensions/validation). */
const expressionLimit = 10_000_000;
const schemaLimit = 100_000_000;
/** So many expressions are named when all together are too much. */
const namedExpensive = 4;

interface Checking {
  errors: Cause[];
  /** What each expression is estimated to cost, by its path. */
  costs: { path: string; cost: number }[];
}

/** Where in a schema a rule is. */
interface Place {
  schema: JsonSchema;
  path: string;
  isRoot: boolean;
  /** How often its values can be in one object; undefined where nothing limits that. */
  occurrences: number | undefined;
  /** The list around it whose items of now and before cannot be matched, if there is one. */
  uncorrelated: string | undefined;
}

/** What is wrong with the rules of a schema: they must compile, be about what the schema declares, and not cost too much. */
export function ruleErrors(schema: JsonSchema, path: string): Cause[] {
  const checking: Checking = { errors: [], costs: [] };
  checkPlace(checking, { schema, path, isRoot: true, occurrences: 1, uncorrelated: undefined });
  const total = checking.costs.reduce((sum, { cost }) => sum + cost, 0);
  if (total > schemaLimit) {
    const expensive = [...checking.costs].sort((a, b) => b.cost - a.cost).slice(0, namedExpensive);
    for (const one of expensive)
      checking.errors.push(
        forbiddenField(
          one.path,
          'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
        ),
      );
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    checking.errors.push(forbiddenField(path, tooExpensive(what, total, schemaLimit)));
  }
  return checking.errors;
}

function checkPlace(checking: Checking, place: Place): void {
  const { schema, path } = place;
  for (const [i, rule] of (schema['x-kubernetes-validations'] ?? []).entries())
    checkRule(checking, rule, place, `${path}.x-kubernetes-validations[${i}]`);
  const times = (limit: number | undefined) =>
    limit === undefined || place.occurrences === undefined ? undefined : limit * place.occurrences;
  for (const [name, one] of Object.entries(schema.properties ?? {}))
    checkPlace(checking, { ...place, schema: one, path: `${path}.properties[${name}]`, isRoot: false });
  const extra = extraSchema(schema);
  if (extra) {
    const occurrences = times(schema.maxProperties);
    checkPlace(checking, { ...place, schema: extra, path: `${path}.additionalProperties`, isRoot: false, occurrences });
  }
  if (schema.items) {
    const isMatched = schema['x-kubernetes-list-type'] === 'map';
    checkPlace(checking, {
      schema: schema.items,
      path: `${path}.items`,
      isRoot: false,
      occurrences: times(schema.maxItems),
      uncorrelated: place.uncorrelated ?? (isMatched ? undefined : path),
    });
  }
}

const reasons = ['FieldValueRequired', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueDuplicate'];

function checkRule(checking: Checking, rule: ValidationRule, place: Place, path: string): void {
  const { errors } = checking;
  const { schema, isRoot, uncorrelated } = place;
  if (!rule.rule.trim()) {
    errors.push(required(`${path}.rule`, 'rule is not specified'));
    return;
  }
  if (rule.reason && !reasons.includes(rule.reason)) errors.push(notSupported(`${path}.reason`, rule.reason, reasons));
  if (rule.message?.includes('\n'))
    errors.push(invalidValue(`${path}.message`, rule.message, 'message must not contain line breaks'));
  if (rule.optionalOldSelf && !usesOldSelf(rule.rule))
    errors.push(
      invalidValue(`${path}.optionalOldSelf`, rule.optionalOldSelf, `may not be set if oldSelf is not used in rule`),
    );
  if (uncorrelated && usesOldSelf(rule.rule))
    errors.push(
      invalidValue(
        `${path}.rule`,
        rule.rule,
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`,
      ),
    );
  errors.push(...fieldPathErrors(rule, schema, path));
  const environment = newEnvironment();
  const type = new SchemaTypes(environment).typeOf(schema, isRoot);
  environment.registerVariable('self', type);
  environment.registerVariable('oldSelf', rule.optionalOldSelf ? `optional<${type}>` : type);
  const compile = (expression: string, field: string, wanted: string): ParseResult | undefined => {
    const { text, original } = rewriteLiterals(expression);
    try {
      const compiled = environment.parse(text);
      const { valid, type: found, error } = compiled.check();
      if (!valid) throw error;
      if (found === wanted || found === 'dyn') return compiled;
      const what = field.endsWith('.rule') ? 'cel expression' : 'messageExpression';
      errors.push(invalidValue(field, rule, `${what} must evaluate to a ${wanted}`));
    } catch (error) {
      errors.push(invalidValue(field, rule, compilationProblem(error, expression, original)));
    }
    return undefined;
  };
  const declared = isRoot || schema['x-kubernetes-embedded-resource'] ? withObjectMeta(schema) : schema;
  const compiled = compile(rule.rule, `${path}.rule`, 'bool');
  if (compiled) {
    const times = place.occurrences ?? maxOccurrences(schema);
    judgeCost(checking, 'estimated rule cost', `${path}.rule`, estimateCost(compiled, declared) * times);
  }
  if (!rule.messageExpression) return;
  const message = compile(rule.messageExpression, `${path}.messageExpression`, 'string');
  if (message)
    judgeCost(
      checking,
      'estimated messageExpression cost',
      `${path}.messageExpression`,
      estimateCost(message, declared),
    );
}

const string: JsonSchema = { type: 'string' };
const metadata: JsonSchema = { type: 'object', properties: { name: string, generateName: string } };

/** What rules of a whole object may read, whether its schema declares it or not. */
const withObjectMeta = (schema: JsonSchema): JsonSchema => ({
  ...schema,
  properties: { ...schema.properties, apiVersion: string, kind: string, metadata },
});

function judgeCost({ errors, costs }: Checking, what: string, path: string, cost: number): void {
  costs.push({ path, cost });
  if (cost > expressionLimit) errors.push(forbiddenField(path, tooExpensive(what, cost, expressionLimit)));
}

function tooExpensive(what: string, cost: number, limit: number): string {
  const times = cost / limit;
  const factor = times > 100 ? 'more than 100x' : times < 1.5 ? `${times.toFixed(6)}x` : `${times.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/** A path names a field that the schema has: `.spec.a`, `['a-b']` (apiextensions pkg/apiserver/schema/cel ValidFieldPath). */
function fieldPathErrors({ fieldPath }: ValidationRule, schema: JsonSchema, path: string): Cause[] {
  if (fieldPath === undefined) return [];
  const field = `${path}.fieldPath`;
  const invalid = (detail: string) => [invalidValue(field, fieldPath, detail)];
  if (!fieldPath.trim()) return invalid('must be non-empty if specified');
  if (fieldPath.includes('\n')) return invalid('must not contain line breaks');
  let at: JsonSchema | undefined = schema;
  let rest = fieldPath;
  while (rest) {
    const [whole, name, quoted] = /^(?:\.([a-zA-Z_][\w]*)|\['((?:[^'\\]|\\.)*)'\])/.exec(rest) ?? [];
    if (whole === undefined)
      return invalid(`fieldPath must be a valid path: expected [ or . but got: ${rest.slice(0, 20)}`);
    const key: string = name ?? quoted!.replace(/\\(.)/g, '$1');
    const next: JsonSchema | undefined = at?.properties?.[key] ?? (at && extraSchema(at));
    if (!next) return invalid(`fieldPath must be a valid path: does not refer to a valid field`);
    at = next;
    rest = rest.slice(whole.length);
  }
  return [];
}
