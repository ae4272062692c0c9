import { isObject, type JsonObject } from '../patch/json-value.ts';
import { compareObjects } from './compare.ts';
import { configurationSet } from './configuration-set.ts';
import { difference, emptySet, type FieldSet } from './field-set.ts';
import type { Schema } from './schema.ts';

/** The annotation in which client-side `kubectl apply` keeps the last configuration. */
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The manager whose applies take over from client-side apply; others opt out by another name. */
export const kubectl = 'kubectl';

/**
 * Fields that client-side apply set and nobody changed since: server-side apply by kubectl may take them without a
 * conflict (managedfields/internal/lastappliedmanager.go).
 */
export function clientAppliedFields(schema: Schema, live: JsonObject): FieldSet {
  const last = lastApplied(live);
  if (!last) return emptySet;
  const { set, errors } = configurationSet(schema, last);
  if (errors.length > 0) return emptySet;
  const { changed, removed } = compareObjects(schema, last, live);
  return difference(difference(set, changed), removed);
}

/**
 * The object with the annotation brought up to date, so that client-side apply goes on to work
 * (managedfields/internal/lastappliedupdater.go). An object without the annotation stays as it is.
 */
export function updateLastApplied(object: JsonObject, applied: JsonObject): JsonObject {
  if (textOf(object) === undefined) return object;
  const metadata = object.metadata as JsonObject;
  const text = `${JSON.stringify(withoutAnnotation(applied))}\n`;
  return {
    ...object,
    metadata: { ...metadata, annotations: { ...(metadata.annotations as object), [annotation]: text } },
  };
}

function textOf(object: JsonObject): string | undefined {
  const { annotations } = (object.metadata ?? {}) as { annotations?: Record<string, unknown> };
  const text = annotations?.[annotation];
  return typeof text === 'string' ? text : undefined;
}

function lastApplied(live: JsonObject): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(textOf(live) ?? 'null');
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function withoutAnnotation(applied: JsonObject): JsonObject {
  if (textOf(applied) === undefined) return applied;
  const metadata = applied.metadata as JsonObject;
  const { [annotation]: _, ...annotations } = metadata.annotations as JsonObject;
  return { ...applied, metadata: { ...metadata, annotations } };
}
