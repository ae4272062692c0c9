import type { KubeObject } from '../../api/object.ts';
import { type Cause, conflict, invalid, modifiedMessage } from '../../api/status-error.ts';
import type { PutOptions } from '../../store/store.ts';
import type { Call } from '../backend.ts';
import { CacheEntry } from '../storage/cache-entry.ts';
import { prepareViews, storable, viewOf } from '../views.ts';
import { isReadyToVanish } from './deletion.ts';
import { recordFields } from './field-management.ts';
import { existing } from './get.ts';
import { sameObject } from './same-object.ts';
import type { UpdateRules } from './update-rules.ts';
import type { Write } from './write.ts';

/** Makes the new object out of the current one, which must stay as it is. */
export type Change = (current: KubeObject) => Promise<KubeObject> | KubeObject;

/** A lost compare-and-swap is tried again so often; only updates without a resourceVersion can lose more than once. */
const maxAttempts = 100;

/**
 * Changes an object (apiserver pkg/registry/generic/registry/store.go Update):
 *  1. the change is made on the newest state; its resourceVersion, if it has one, must be the newest;
 *  2. what no update may change comes from the old object; the rules say what else;
 *  3. managed fields are recorded, admission changes the object;
 *  4. it is validated, admission judges it;
 *  5. an update that changes nothing writes nothing;
 *  6. the last finalizer of a deleted object gone, it is removed instead;
 *  7. it is written by compare-and-swap; if another came first, all begins anew.
 */
export async function updateObject(call: Call, rules: UpdateRules, change: Change, write: Write): Promise<CacheEntry> {
  for (let attempt = 1; ; attempt++) {
    const entry = existing(call);
    const written = await attemptUpdate(call, rules, entry, change, write);
    if (written) return written;
    if (attempt >= maxAttempts) throw conflict(call.resource.info, call.request.info.name, modifiedMessage);
  }
}

async function attemptUpdate(
  call: Call,
  rules: UpdateRules,
  entry: CacheEntry,
  change: Change,
  write: Write,
): Promise<CacheEntry | undefined> {
  const { backend, resource } = call;
  await prepareViews([entry], resource);
  const old = viewOf(entry, resource).object;
  const object = await change(old);
  checkVersion(call, object, old);
  keepSystemMetadata(object, old);
  rules.combine(object, old);
  recordFields(call, old, object, write, rules.subresource);
  await admit(call, rules, object, old, write);
  const allocated = rules.subresource ? undefined : backend.allocation.allocate(resource, object, old);
  try {
    await judge(call, rules, object, old, write);
    return await store(call, entry, object, old, write, allocated?.guard);
  } finally {
    allocated?.settle();
  }
}

function checkVersion(call: Call, object: KubeObject, old: KubeObject): void {
  const { info, prefix, strategy } = call.resource;
  const { uid, resourceVersion, name } = object.metadata;
  if (uid && uid !== old.metadata.uid) {
    const key = `${prefix}${old.metadata.namespace ? `${old.metadata.namespace}/` : ''}${name}`;
    throw conflict(
      info,
      name,
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  if (resourceVersion && resourceVersion !== '0') {
    if (resourceVersion !== old.metadata.resourceVersion) throw conflict(info, name, modifiedMessage);
  } else if (!strategy.unconditionalUpdate) {
    const field = 'metadata.resourceVersion';
    const message = 'Invalid value: 0x0: must be specified for an update';
    throw invalid(info, name, [{ reason: 'FieldValueInvalid', field, message }]);
  }
}

/** apiserver pkg/registry/rest/update.go BeforeUpdate and apimachinery ValidateObjectMetaAccessorUpdate, which also sets. */
function keepSystemMetadata(object: KubeObject, old: KubeObject): void {
  const { metadata } = object;
  const before = old.metadata;
  metadata.uid = before.uid;
  metadata.creationTimestamp = before.creationTimestamp;
  metadata.resourceVersion = before.resourceVersion;
  if (before.namespace) metadata.namespace ??= before.namespace;
  if (before.generation === undefined) delete metadata.generation;
  else metadata.generation = before.generation;
  if (before.deletionTimestamp) {
    metadata.deletionTimestamp = before.deletionTimestamp;
    metadata.deletionGracePeriodSeconds ??= before.deletionGracePeriodSeconds!;
  } else {
    delete metadata.deletionTimestamp;
    delete metadata.deletionGracePeriodSeconds;
  }
  if (metadata.deletionGracePeriodSeconds === undefined) delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
}

function attributesOf(call: Call, rules: UpdateRules, object: KubeObject, old: KubeObject, write: Write) {
  return {
    operation: 'UPDATE' as const,
    resource: call.resource.info,
    subresource: rules.subresource,
    namespace: call.request.info.namespace,
    name: call.request.info.name,
    object,
    oldObject: old,
    options: { kind: 'UpdateOptions', apiVersion: 'meta.k8s.io/v1' },
    dryRun: write.dryRun,
    user: call.request.user,
    cancellation: call.request.cancellation,
    warn: write.warn,
    annotate: write.annotate,
  };
}

async function admit(call: Call, rules: UpdateRules, object: KubeObject, old: KubeObject, write: Write): Promise<void> {
  if (!rules.isAdmitted) await call.backend.admission.mutate(attributesOf(call, rules, object, old, write));
}

async function judge(call: Call, rules: UpdateRules, object: KubeObject, old: KubeObject, write: Write): Promise<void> {
  const causes: Cause[] = rules.validate(object, old, write.warn);
  if (causes.length > 0) throw invalid(call.resource.info, object.metadata.name, causes);
  for (const warning of rules.warnings(object, old)) write.warn(warning);
  if (!rules.isAdmitted) await call.backend.admission.validate(attributesOf(call, rules, object, old, write));
}

async function store(
  call: Call,
  entry: CacheEntry,
  object: KubeObject,
  old: KubeObject,
  write: Write,
  guard: PutOptions['guard'],
): Promise<CacheEntry | undefined> {
  const { backend, resource } = call;
  if (isReadyToVanish(object, old)) return vanish(call, entry, object, write);
  const isCustom = resource.info.type === '';
  if (!isCustom && sameObject(object, old)) return entry;
  const stored = await storable(object, resource);
  // What is stored may be of an older version or schema than what was read: then writing it again migrates it.
  if (isCustom && sameObject(stored, entry.object)) return entry;
  call.request.cancellation.throwIfAborted();
  if (write.dryRun) return new CacheEntry(entry.key, entry.revision, encodeWithVersion(stored), stored);
  return backend.writer.update(entry, stored, { ttlSeconds: resource.strategy.ttlSeconds, guard });
}

/** The object goes; the answer is what it was at last. */
async function vanish(
  call: Call,
  entry: CacheEntry,
  object: KubeObject,
  write: Write,
): Promise<CacheEntry | undefined> {
  const stored = await storable(object, call.resource);
  call.request.cancellation.throwIfAborted();
  if (!write.dryRun && (await call.backend.writer.delete(entry)) === undefined) return undefined;
  return new CacheEntry(entry.key, entry.revision, encodeWithVersion(stored), stored);
}

/** What is not stored keeps the resourceVersion of what it was made from. */
function encodeWithVersion(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion, ...others } = metadata;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: { resourceVersion, ...others }, ...rest }));
}
