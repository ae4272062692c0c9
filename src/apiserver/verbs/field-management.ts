import type { KubeObject } from '../../api/object.ts';
import { equalJson } from '../../api/patch/json-value.ts';
import type { Call } from '../backend.ts';
import type { Write } from './write.ts';

/** Records in metadata.managedFields who set what (KEP-555). */
export function recordFields(
  _call: Call,
  _old: KubeObject | undefined,
  _object: KubeObject,
  _write: Write,
  _subresource = '',
): void {}

/** Whether two states differ in nothing but when their managed fields were set, which is no change worth writing. */
export function sameButForTimes(object: KubeObject, old: KubeObject): boolean {
  const [a, b] = [object.metadata.managedFields, old.metadata.managedFields];
  if (!a || !b || a.length !== b.length) return false;
  return equalJson(withoutTimes(object), withoutTimes(old));
}

function withoutTimes(object: KubeObject): object {
  const managedFields = object.metadata.managedFields?.map(({ time: _time, ...entry }) => entry);
  return { ...object, metadata: { ...object.metadata, managedFields } };
}
