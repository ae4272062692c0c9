import { type FieldFacts, typeFacts } from '../facts.ts';
import { kindOf } from '../kinds/all.ts';
import type { KubeObject } from '../object.ts';
import { builtinResources } from '../resource.ts';
import type { Cause } from '../status-error.ts';
import { immutable, notSupported, required } from './field-error.ts';
import { validateKubeFinalizers, validateMetadata, validateMetadataUpdate } from './metadata.ts';

/** What is wrong with an object that is to be created: field errors as kube-apiserver gives them, none when it is right. */
export function validateCreate<T extends KubeObject>(type: string, object: T): Cause[] {
  const kind = kindOf(type);
  const errors = validateMetadata(object.metadata, namespacedTypes.has(type), kind?.nameRule);
  errors.push(...finalizerErrors(type, object));
  if (kind?.validate) errors.push(...kind.validate(object));
  else errors.push(...validateByFacts(type, object));
  return unique(errors);
}

/** What is wrong with a change of an object through its main resource. */
export function validateUpdate<T extends KubeObject>(type: string, object: T, old: T): Cause[] {
  const kind = kindOf(type);
  const errors = validateMetadataUpdate(object.metadata, old.metadata);
  errors.push(...finalizerErrors(type, object));
  if (kind?.validateUpdate) errors.push(...kind.validateUpdate(object, old));
  else if (kind?.validate) errors.push(...kind.validate(object));
  else errors.push(...validateByFacts(type, object), ...immutableByFacts(type, object, old));
  return unique(errors);
}

/** What is wrong with a change through /status. */
export function validateStatusUpdate<T extends KubeObject>(type: string, object: T, old: T): Cause[] {
  const errors = validateMetadataUpdate(object.metadata, old.metadata);
  errors.push(...finalizerErrors(type, object));
  errors.push(...(kindOf(type)?.validateStatusUpdate?.(object, old) ?? []));
  return unique(errors);
}

/** The servers of these two are not part of Kubernetes' core and take any name. */
const foreign = new Set(['apiextensions/v1.CustomResourceDefinition', 'apiregistration/v1.APIService']);

function finalizerErrors(type: string, { metadata }: KubeObject): Cause[] {
  return foreign.has(type) ? [] : validateKubeFinalizers(metadata);
}

const namespacedTypes = new Set(builtinResources.filter((info) => info.namespaced).map((info) => info.type));

/** The same error found twice is told once (field.ErrorList ToAggregate). */
function unique(errors: Cause[]): Cause[] {
  if (errors.length < 2) return errors;
  const seen = new Set<string>();
  return errors.filter(({ field, message }) => {
    const key = `${field}: ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

/**
 * For kinds without a file in kinds/: what the sources mark +required and +enum, and nothing that kube-apiserver might
 * let pass. Goes no deeper than `spec`, where the markers are enforced.
 */
function validateByFacts(type: string, object: object): Cause[] {
  const errors: Cause[] = [];
  for (const field of typeFacts(type)?.fields.values() ?? []) {
    if (field.typeMeta || field.name === 'metadata' || field.name === 'status') continue;
    const value = (object as Record<string, unknown>)[field.name];
    errors.push(...checkField(field, value, field.name));
    if (field.name !== 'spec' || field.parsed.kind !== 'struct' || typeof value !== 'object' || value === null)
      continue;
    for (const inner of typeFacts(field.parsed.name)?.fields.values() ?? [])
      errors.push(...checkField(inner, (value as Record<string, unknown>)[inner.name], `spec.${inner.name}`));
  }
  return errors;
}

function checkField(field: FieldFacts, value: unknown, path: string): Cause[] {
  const absent = value === undefined || value === null || value === '';
  if (absent) return field.required && field.parsed.kind !== 'struct' ? [required(path)] : [];
  if (field.enum && typeof value === 'string' && !field.enum.includes(value))
    return [notSupported(path, value, field.enum)];
  return [];
}

function immutableByFacts(type: string, object: object, old: object): Cause[] {
  const errors: Cause[] = [];
  for (const field of typeFacts(type)?.fields.values() ?? []) {
    const [now, before] = [object, old].map((value) => (value as Record<string, unknown>)[field.name]);
    if (field.immutable) errors.push(...immutable(field.name, now, before));
    if (field.name !== 'spec' || field.parsed.kind !== 'struct' || field.immutable) continue;
    for (const inner of typeFacts(field.parsed.name)?.fields.values() ?? [])
      if (inner.immutable)
        errors.push(
          ...immutable(
            `spec.${inner.name}`,
            (now as Record<string, unknown> | undefined)?.[inner.name],
            (before as Record<string, unknown> | undefined)?.[inner.name],
          ),
        );
  }
  return errors;
}
