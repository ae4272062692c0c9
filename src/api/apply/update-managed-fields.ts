import type { JsonObject } from '../patch/json-value.ts';
import { compareObjects } from './compare.ts';
import { difference, type FieldSet, isEmptySet, union } from './field-set.ts';
import {
  capUpdateManagers,
  type Entry,
  fieldsOf,
  isReset,
  readableEntries,
  sameManager,
  sortEntries,
  stripMeta,
  takeFrom,
  withFields,
  withoutResetFields,
  withoutUnowned,
} from './managed-fields.ts';
import type { Schema } from './schema.ts';

export interface UpdateRequest {
  schema: Schema;
  /** The stored object; undefined for a create. */
  old: JsonObject | undefined;
  /** The object to be stored, its managedFields as the client sent them. */
  new: JsonObject;
  /** The field manager: the query parameter, or the first part of the User-Agent. */
  manager: string;
  subresource: string;
  /** Version of the request. */
  apiVersion: string;
  /** RFC 3339 in seconds. */
  now: string;
  /** Fields that a request to this endpoint cannot change, such as status: see `setOf`. */
  resetFields?: FieldSet | undefined;
}

/**
 * managedFields of the object after a write that is no apply (apimachinery pkg/util/managedfields FieldManager.Update):
 * the manager owns what it changed, nobody owns what is gone. undefined: the object has none. Entries that stay as they
 * are keep their identity.
 */
export function updateManagedFields(request: UpdateRequest): Entry[] | undefined {
  const entries = startingEntries(request);
  // An object that exists without managers is not tracked until somebody applies it (skipnonapplied.go).
  if (entries.length === 0 && request.old) return undefined;
  const { schema, old = {}, new: next } = request;
  // Of a new object everything is new: what nobody owns is left out beforehand, which is less work than to take it out.
  const { changed, removed } = compareObjects(schema, old, request.old ? next : withoutUnowned(next));
  const taken = withoutResetFields(changed, request.resetFields);
  const gone = withoutResetFields(removed, request.resetFields);
  if (isEmptySet(taken) && isEmptySet(gone)) return entries.length > 0 ? [...entries] : undefined;
  const left = takeFrom(entries, taken, gone);
  const own = stripMeta(difference(taken, gone));
  return finish(isEmptySet(own) ? left : addOwn(left, own, request));
}

function finish(entries: Entry[]): Entry[] | undefined {
  return entries.length > 0 ? sortEntries(capUpdateManagers(entries)) : undefined;
}

/** The entries before this write: those of the request if it sends some, else those of the stored object. */
function startingEntries({ old, new: next, subresource }: UpdateRequest): readonly Entry[] {
  const live = readableEntries(managedFieldsOf(old)) ?? [];
  if (subresource) return live;
  const sent = managedFieldsOf(next);
  if (isReset(sent)) return [];
  const readable = readableEntries(sent);
  return readable && readable.length > 0 ? readable : live;
}

export function managedFieldsOf(object: JsonObject | undefined): Entry[] | undefined {
  return (object?.metadata as { managedFields?: Entry[] } | undefined)?.managedFields ?? undefined;
}

function addOwn(entries: Entry[], own: FieldSet, { manager, subresource, apiVersion, now }: UpdateRequest): Entry[] {
  const key: Entry = { manager, operation: 'Update', apiVersion, time: now, fieldsType: 'FieldsV1' };
  if (subresource) key.subresource = subresource;
  const previous = entries.find((entry) => sameManager(entry, key));
  const entry = withFields(key, previous ? union(fieldsOf(previous), own) : own);
  return [...entries.filter((other) => other !== previous), entry];
}
