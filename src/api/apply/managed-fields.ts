import type { ManagedFieldsEntry } from '../generated/meta-v1.ts';
import type { JsonObject } from '../patch/json-value.ts';
import { difference, emptySet, type FieldSet, isEmptySet, recursiveDifference, setOf, union } from './field-set.ts';

/** An entry of metadata.managedFields with its set; the set is the entry's fieldsV1 itself. */
export type Entry = ManagedFieldsEntry;

export function fieldsOf(entry: Entry): FieldSet {
  return (entry.fieldsV1 as FieldSet | undefined) ?? emptySet;
}

export function withFields(entry: Entry, set: FieldSet): Entry {
  return { ...entry, fieldsV1: set as Entry['fieldsV1'] };
}

/** Whether two entries are of the same manager (apimachinery managedfields BuildManagerIdentifier). */
export function sameManager(a: Entry, b: Entry): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    (a.subresource ?? '') === (b.subresource ?? '') &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}

/** What nobody owns (managedfields/internal/stripmeta.go). */
export function stripMeta(set: FieldSet): FieldSet {
  return difference(set, stripped);
}

/** The object without what stripMeta takes out of the set of its fields. */
export function withoutUnowned({ apiVersion: _a, kind: _k, metadata, ...rest }: JsonObject): JsonObject {
  const owned: JsonObject = {};
  for (const name in metadata as JsonObject) {
    if (!unowned.has(name)) owned[name] = (metadata as JsonObject)[name]!;
  }
  return { metadata: owned, ...rest };
}

/** Of metadata. */
const unowned = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
]);

const stripped = setOf(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...[...unowned].map((name) => ['f:metadata', `f:${name}`]),
);

/** Takes out what a request of this kind cannot change (rest.ResetFieldsStrategy). */
export function withoutResetFields(set: FieldSet, resetFields: FieldSet | undefined): FieldSet {
  return resetFields ? recursiveDifference(set, resetFields) : set;
}

/** Takes `taken` and `removed` away from every entry, and drops those that are left with nothing. */
export function takeFrom(entries: readonly Entry[], ...taken: FieldSet[]): Entry[] {
  const left: Entry[] = [];
  for (const entry of entries) {
    const set = fieldsOf(entry);
    const rest = taken.reduce(difference, set);
    if (rest === set) left.push(entry);
    else if (!isEmptySet(rest)) left.push(withFields(entry, rest));
  }
  return left.filter((entry) => !isEmptySet(fieldsOf(entry)));
}

/** Entries that a request or a stored object carries; undefined when they cannot be read (DecodeManagedFields). */
export function readableEntries(entries: readonly Entry[] | undefined): readonly Entry[] | undefined {
  for (const { operation, apiVersion, fieldsType } of entries ?? []) {
    if ((operation !== 'Apply' && operation !== 'Update') || !apiVersion || fieldsType !== 'FieldsV1') return undefined;
  }
  return entries ?? [];
}

/** Whether a client asks to forget all managers: [] or [{}] (isResetManagedFields). */
export function isReset(entries: readonly Entry[] | undefined): boolean {
  if (!entries) return false;
  if (entries.length === 0) return true;
  return entries.length === 1 && Object.keys(entries[0]!).length === 0;
}

/** The order in which the server writes entries (sortEncodedManagedFields). */
export function sortEntries(entries: Entry[]): Entry[] {
  return entries.sort(
    (a, b) =>
      order(a.operation, b.operation) ||
      order(a.time, b.time) ||
      order(a.manager, b.manager) ||
      order(a.apiVersion, b.apiVersion) ||
      order(a.subresource, b.subresource),
  );
}

function order(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Managers by update that an object remembers at most (managedfields DefaultMaxUpdateManagers). */
const maxUpdateManagers = 10;

/** Merges the oldest update managers of each version into 'ancient-changes' until few enough are left (capmanagers.go). */
export function capUpdateManagers(entries: Entry[]): Entry[] {
  const updaters = entries.filter(({ operation }) => operation === 'Update');
  if (updaters.length <= maxUpdateManagers) return entries;
  let result = entries;
  let count = updaters.length;
  const first = new Map<string, Entry>();
  for (const entry of sortEntries([...updaters])) {
    if (count <= maxUpdateManagers) break;
    const version = entry.apiVersion ?? '';
    const older = first.get(version);
    if (!older) {
      first.set(version, entry);
      continue;
    }
    const bucket: Entry = { ...ancient, apiVersion: version, fieldsType: 'FieldsV1', time: entry.time };
    const merged = withFields(bucket, union(fieldsOf(older), fieldsOf(entry)));
    result = result.filter((other) => other !== older && other !== entry);
    result.push(merged);
    first.set(version, merged);
    count--;
  }
  return result;
}

const ancient: Entry = { manager: 'ancient-changes', operation: 'Update' };
