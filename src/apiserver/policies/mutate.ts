import { mergeConfiguration } from '../../api/apply/merge.ts';
import { type Schema, settle } from '../../api/apply/schema.ts';
import { CelObject, jsonPatchOf, toJson } from '../../api/cel/objects.ts';
import type { Mutation } from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { applyJsonPatch } from '../../api/patch/json-patch.ts';
import { isObject, type JsonObject } from '../../api/patch/json-value.ts';
import { hasReason } from '../../api/status-error.ts';
import type { PolicyEvaluation } from './policy-evaluation.ts';

/** The object as one mutation leaves it; undefined where it leaves it alone (apiserver pkg/admission/plugin/policy/mutating/patch). */
export async function mutated(
  { patchType, applyConfiguration, jsonPatch }: Mutation,
  object: KubeObject,
  evaluation: PolicyEvaluation,
  schema: Schema,
): Promise<KubeObject | undefined> {
  if (patchType === 'JSONPatch') return patched(object, await evaluation.evaluate(jsonPatch?.expression ?? ''));
  return configured(object, await evaluation.evaluate(applyConfiguration?.expression ?? ''), schema);
}

function patched(object: KubeObject, value: unknown): KubeObject | undefined {
  const operations = jsonPatchOf(value);
  try {
    return applyJsonPatch(structuredClone(object) as unknown as JsonObject, operations) as unknown as KubeObject;
  } catch (error) {
    // A test that fails means: not for this object.
    if (isFailedTest(error)) return undefined;
    throw new Error(`JSONPath: ${(error as Error).message}`, { cause: error });
  }
}

const isFailedTest = (error: unknown) =>
  hasReason(error, 'Invalid') &&
  /^testing .* failed/.test(((error as Error).cause as Error | undefined)?.message ?? '');

/** The object with an apply configuration merged into it; nobody comes to own its fields. */
function configured(object: KubeObject, value: unknown, schema: Schema): KubeObject {
  if (!(value instanceof CelObject)) throw new Error('unsupported return type from ApplyConfiguration expression');
  const { apiVersion, kind } = object;
  const configuration = { ...(toJson(value) as JsonObject), apiVersion, kind };
  const atomics = atomicsIn(schema, configuration, '');
  if (atomics.length > 0)
    throw new Error(
      `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`,
    );
  try {
    return mergeConfiguration(schema, object as unknown as JsonObject, configuration) as unknown as KubeObject;
  } catch (error) {
    throw new Error(`error applying patch: failed to merge patch: ${(error as Error).message}`, { cause: error });
  }
}

/** Paths of values that could only be replaced as a whole, so that what is not said of them would be lost. */
function atomicsIn(schema: Schema, value: unknown, path: string): string[] {
  const type = settle(schema, value);
  if (type.kind === 'atomic') return isObject(value) || Array.isArray(value) ? [path] : [];
  if (type.kind === 'map' && isObject(value))
    return Object.entries(value).flatMap(([name, one]) => {
      const field = type.field(name) ?? type.element;
      return field ? atomicsIn(field, one, `${path}.${name}`) : [];
    });
  if (type.kind === 'list' && Array.isArray(value))
    return value.flatMap((item, i) => atomicsIn(type.element, item, `${path}[${i}]`));
  return [];
}
