import { applyObject } from '../../api/apply/apply-object.ts';
import type { ManagedFieldsEntry } from '../../api/generated/meta-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { isObject, type JsonObject } from '../../api/patch/json-value.ts';
import { apiVersionOf } from '../../api/resource.ts';
import { badRequest, conflict, invalid, notFound } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import { type Call, cacheOf } from '../backend.ts';
import { checkKind, fieldValidationOf, parseBody } from '../body.ts';
import { renderEntry } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import type { CacheEntry } from '../storage/cache-entry.ts';
import { decodeValue } from './create.ts';
import { createObject } from './create-object.ts';
import { resetFields } from './field-management.ts';
import { keyOfCall } from './get.ts';
import { checkName } from './update.ts';
import { updateObject } from './update-object.ts';
import type { UpdateRules } from './update-rules.ts';
import { type Write, writeOf } from './write.ts';

/** Server-side apply (KEP-555): the configuration is merged into the live object, or creates it. */
export async function apply(call: Call, rules: UpdateRules): Promise<ApiResponse> {
  const write: Write = { ...writeOf(call, 'PatchOptions'), operation: 'Apply' };
  const { value: configuration, duplicates } = await readConfiguration(call);
  const merge = (live: KubeObject | undefined) => {
    const object = merged(call, rules, configuration, live, write);
    refuseDuplicates(call, duplicates);
    return object;
  };
  if (!cacheOf(call).get(keyOfCall(call))) {
    if (rules.subresource) throw notFound(call.resource.info, call.request.info.name);
    requireNoUid(call, configuration);
    return renderEntry(call, await createObject(call, merge(undefined), write), 201);
  }
  return renderEntry(call, await updateObject(call, rules, merge, write));
}

/**
 * Apply on /scale: the number of replicas as a configuration of the whole object, owned through the subresource
 * (apimachinery pkg/util/managedfields/scalehandler.go). `configurationOf` makes it from the Scale that was sent.
 */
export async function applyScale(
  call: Call,
  rules: UpdateRules,
  configurationOf: (scale: JsonObject) => JsonObject,
): Promise<CacheEntry> {
  const write: Write = { ...writeOf(call, 'PatchOptions'), operation: 'Apply' };
  const configuration = configurationOf(checkKind((await readApplied(call)).value, scaleKind) as unknown as JsonObject);
  return updateObject(call, rules, (live) => merged(call, rules, configuration, live, write), write);
}

const scaleKind = { apiVersion: 'autoscaling/v1', kind: 'Scale' };

/** What a body of YAML, of which JSON is a part, wants applied; its kind is that of the URL. */
async function readConfiguration(call: Call): Promise<Applied> {
  const { value, duplicates } = await readApplied(call);
  const { apiVersion, kind } = { apiVersion: apiVersionOf(call.resource.info), kind: call.resource.info.kind };
  checkKind(value, { apiVersion, kind });
  return { value, duplicates };
}

interface Applied {
  value: JsonObject;
  duplicates: readonly string[];
}

async function readApplied({ request }: Call): Promise<Applied> {
  if (!request.query.get('fieldManager')) {
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
      { reason: 'FieldValueRequired', field: 'fieldManager', message: 'Required value: is required for apply patch' },
    ]);
  }
  const bytes = await request.body();
  const json = bytes[0] === 0x7b;
  const { value, duplicates } = await parseBody(bytes, json ? 'json' : 'yaml');
  if (!isObject(value)) throw badRequest('error decoding YAML: the applied configuration is not an object');
  if (fieldValidationOf(request) === 'Ignore') return { value, duplicates: [] };
  const found = duplicates();
  // They are told with their lines, as YAML, whatever was sent.
  return { value, duplicates: json && found.length > 0 ? (await parseBody(bytes, 'yaml')).duplicates() : found };
}

/** After the merge, whose errors come first (apiserver pkg/endpoints/handlers/patch.go applyPatcher). */
function refuseDuplicates({ request }: Call, duplicates: readonly string[]): void {
  const strict = fieldValidationOf(request) === 'Strict';
  for (const duplicate of duplicates) {
    const message = `error converting YAML to JSON: ${duplicate}`;
    if (strict) throw badRequest(`error strict decoding YAML: ${message}`);
    request.warnings.add(message);
  }
}

function merged(
  call: Call,
  rules: UpdateRules,
  applied: JsonObject,
  live: KubeObject | undefined,
  write: Write,
): KubeObject {
  const { object, managedFields } = applyObject({
    schema: call.resource.strategy.schema,
    live: live as JsonObject | undefined,
    applied,
    manager: write.fieldManager,
    force: call.request.query.get('force') === 'true',
    apiVersion: apiVersionOf(call.resource.info),
    subresource: rules.subresource,
    now: formatTime(new Date(call.backend.clock.now())),
    resetFields: resetFields(call, rules.subresource),
  });
  const decoded = decodeValue(call, object);
  checkName(call, decoded);
  if (managedFields.length > 0) decoded.metadata.managedFields = managedFields as ManagedFieldsEntry[];
  else delete decoded.metadata.managedFields;
  return decoded;
}

function requireNoUid(call: Call, configuration: JsonObject): void {
  const { uid } = (configuration.metadata ?? {}) as { uid?: string };
  if (!uid) return;
  throw conflict(
    call.resource.info,
    call.request.info.name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  );
}
