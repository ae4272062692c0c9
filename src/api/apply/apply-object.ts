import { equalJson, type JsonObject } from '../patch/json-value.ts';
import { badRequest, StatusError } from '../status-error.ts';
import { applyConflict, type Conflict } from './apply-conflict.ts';
import { compareObjects } from './compare.ts';
import { configurationSet, joinErrors } from './configuration-set.ts';
import { difference, emptySet, type FieldSet, intersection, isEmptySet, memberPaths, union } from './field-set.ts';
import { clientAppliedFields, kubectl, updateLastApplied } from './last-applied.ts';
import {
  type Entry,
  fieldsOf,
  readableEntries,
  sameManager,
  sortEntries,
  stripMeta,
  takeFrom,
  withFields,
  withoutResetFields,
} from './managed-fields.ts';
import { mergeConfiguration } from './merge.ts';
import { prune } from './prune.ts';
import type { Schema } from './schema.ts';
import { managedFieldsOf, updateManagedFields } from './update-managed-fields.ts';

export interface ApplyRequest {
  schema: Schema;
  /** The stored object; undefined when the apply creates it. */
  live: JsonObject | undefined;
  /** The configuration as the client sent it. */
  applied: JsonObject;
  manager: string;
  /** Takes over fields that others own instead of refusing. */
  force: boolean;
  /** Version of the request: apiVersion of the configuration must be the same. */
  apiVersion: string;
  subresource: string;
  /** RFC 3339 in seconds. */
  now: string;
  /** Fields that a request to this endpoint cannot change: see `setOf`. */
  resetFields?: FieldSet | undefined;
}

export interface ApplyResult {
  /** The merged object without managedFields, not yet defaulted. */
  object: JsonObject;
  managedFields: Entry[];
  /** Whether anything but managedFields differs from the live object. */
  changed: boolean;
}

/**
 * Server-side apply (apimachinery pkg/util/managedfields FieldManager.Apply):
 *
 * 1. check the configuration and list its fields,
 * 2. read who owns what of the live object,
 * 3. lay the configuration over the live object,
 * 4. remove what this manager applied before and nobody applies now,
 * 5. refuse to change what others own, unless forced,
 * 6. write down the new owners.
 *
 * Throws 409 with every conflict, 400 and 500 for bad configurations.
 */
export function applyObject(request: ApplyRequest): ApplyResult {
  const { schema, live, applied } = request;
  const set = checkConfiguration(request);
  const entries = liveEntries(request);
  const key = ownKey(request);
  const previous = entries.find((entry) => sameManager(entry, key));
  const others = entries.filter((entry) => entry !== previous);
  const base = withoutManagedFields(live ?? {});
  const merged = mergeConfiguration(schema, base, applied);
  const owned = others.reduce((all, entry) => union(all, fieldsOf(entry)), set);
  const object = previous ? prune(schema, merged, fieldsOf(previous), owned) : merged;
  const { changed, removed } = compareObjects(schema, base, object);
  const taken = withoutResetFields(changed, request.resetFields);
  const gone = withoutResetFields(removed, request.resetFields);
  if (!request.force) refuseConflicts(request, others, taken);
  const own = stripMeta(set);
  const left = takeFrom(others, taken, gone);
  const differs = !isEmptySet(changed) || !isEmptySet(removed);
  const managedFields = isEmptySet(own) ? left : [...left, ownEntry(request, own, previous, differs)];
  const result = request.manager === kubectl && live ? updateLastApplied(object, applied) : object;
  return { object: result, managedFields: sortEntries(managedFields), changed: differs };
}

/** Step 1. */
function checkConfiguration({ schema, applied, apiVersion, resetFields }: ApplyRequest): FieldSet {
  if (applied.apiVersion !== apiVersion) {
    const versions = `Specified patch version: ${applied.apiVersion ?? ''}, expected: ${apiVersion}`;
    throw badRequest(`Incorrect version specified in apply patch. ${versions}`);
  }
  if (managedFieldsOf(applied)) throw badRequest('metadata.managedFields must be nil');
  const { set, errors } = configurationSet(schema, applied);
  if (errors.length > 0) {
    const message = `failed to create typed patch object (${describe(applied)}): ${joinErrors(errors)}`;
    throw new StatusError({ code: 500, reason: '', message });
  }
  return withoutResetFields(set, resetFields);
}

/** 'namespace/name; group/version, Kind=Kind', as the server names objects in errors. */
function describe(object: JsonObject): string {
  const { name = '', namespace = '' } = (object.metadata ?? {}) as { name?: string; namespace?: string };
  const apiVersion = String(object.apiVersion);
  return `${namespace}/${name}; ${apiVersion.includes('/') ? '' : '/'}${apiVersion}, Kind=${object.kind}`;
}

/** Step 2. An object nobody tracked so far belongs to 'before-first-apply' (skipnonapplied.go). */
function liveEntries({ schema, live, apiVersion, now }: ApplyRequest): readonly Entry[] {
  if (!live) return [];
  const entries = readableEntries(managedFieldsOf(live));
  if (!entries) {
    throw new StatusError({ code: 500, reason: '', message: 'failed to decode managed fields' });
  }
  if (entries.length > 0) return entries;
  const manager = 'before-first-apply';
  return updateManagedFields({ schema, old: undefined, new: live, manager, subresource: '', apiVersion, now }) ?? [];
}

function ownKey({ manager, subresource, apiVersion }: ApplyRequest): Entry {
  const key: Entry = { manager, operation: 'Apply', apiVersion, fieldsType: 'FieldsV1' };
  if (subresource) key.subresource = subresource;
  return key;
}

function withoutManagedFields(object: JsonObject): JsonObject {
  if (!managedFieldsOf(object)) return object;
  const { managedFields: _, ...metadata } = object.metadata as JsonObject;
  return { ...object, metadata };
}

/** Step 5. */
function refuseConflicts({ schema, live, manager }: ApplyRequest, others: readonly Entry[], changed: FieldSet): void {
  const contested = others.map((entry) => ({ entry, fields: intersection(fieldsOf(entry), changed) }));
  if (contested.every(({ fields }) => isEmptySet(fields))) return;
  const allowed = manager === kubectl && live ? clientAppliedFields(schema, live) : emptySet;
  const conflicts: Conflict[] = contested.flatMap(({ entry, fields }) =>
    memberPaths(difference(fields, allowed)).map((path) => ({ entry, path })),
  );
  if (conflicts.length > 0) throw applyConflict(conflicts);
}

/** Step 6. The time says when the object or the set last changed. */
function ownEntry(request: ApplyRequest, own: FieldSet, previous: Entry | undefined, differs: boolean): Entry {
  const { apiVersion, now } = request;
  const same = previous && !differs && previous.apiVersion === apiVersion && equalJson(fieldsOf(previous), own);
  return same ? previous : withFields({ ...ownKey(request), time: now }, own);
}
