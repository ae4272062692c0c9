import { type FieldSet, setOf } from '../../api/apply/field-set.ts';
import { updateManagedFields } from '../../api/apply/update-managed-fields.ts';
import type { ManagedFieldsEntry } from '../../api/generated/meta-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { JsonObject } from '../../api/patch/json-value.ts';
import { apiVersionOf } from '../../api/resource.ts';
import { formatTime } from '../../api/time.ts';
import type { Call } from '../backend.ts';
import type { Write } from './write.ts';

/** Records in metadata.managedFields who set what (KEP-555), unless an apply has done so itself. */
export function recordFields(
  call: Call,
  old: KubeObject | undefined,
  object: KubeObject,
  write: Write,
  subresource = '',
): void {
  if (write.operation === 'Apply') return;
  const managedFields = updateManagedFields({
    schema: call.resource.strategy.schema,
    old: old as JsonObject | undefined,
    new: object as unknown as JsonObject,
    manager: write.fieldManager,
    subresource,
    apiVersion: apiVersionOf(call.resource.info),
    now: formatTime(new Date(call.backend.clock.now())),
    resetFields: resetFields(call, subresource),
  });
  if (managedFields) object.metadata.managedFields = managedFields as ManagedFieldsEntry[];
  else delete object.metadata.managedFields;
}

/** Fields that a request through this door cannot set (GetResetFields of the strategies). */
export function resetFields(call: Call, subresource: string): FieldSet | undefined {
  if (subresource === 'status') return ofStatus;
  return call.resource.strategy.hasStatus ? ofMain : undefined;
}

const ofStatus = setOf(['f:spec'], ['f:metadata', 'f:labels']);
const ofMain = setOf(['f:status']);
