import type { DeleteOptions } from '../../api/generated/meta-v1.ts';
import type { KubeObject, StatusObject } from '../../api/object.ts';
import { conflict } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import type { Call } from '../backend.ts';
import { renderEntry, renderObject } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { CacheEntry, encodeStored } from '../storage/cache-entry.ts';
import { editable, prepareViews, storable, viewOf } from '../views.ts';
import { readDeleteOptions } from './delete-options.ts';
import { planDeletion } from './deletion.ts';
import { existing } from './get.ts';

/** DELETE of one object. */
export async function remove(call: Call): Promise<ApiResponse> {
  const options = await readDeleteOptions(call);
  return answer(call, await deleteObject(call, options), options);
}

export interface Deleted {
  /** The object as it is now, or was at last. */
  entry: CacheEntry;
  /** False: it stays until its grace period or its finalizers are over. */
  gone: boolean;
}

/** Deletes the object that the request names, or marks it for deletion. */
export async function deleteObject(call: Call, options: DeleteOptions): Promise<Deleted> {
  for (;;) {
    const entry = existing(call);
    await prepareViews([entry], call.resource);
    checkPreconditions(call, entry.object, options);
    await judge(call, entry, options);
    const done = await attemptDelete(call, entry, options);
    if (done) return done;
  }
}

async function attemptDelete(call: Call, entry: CacheEntry, options: DeleteOptions): Promise<Deleted | undefined> {
  const { backend, resource } = call;
  const dryRun = Boolean(options.dryRun?.length);
  const object = editable(entry, resource);
  if (!object.metadata.deletionTimestamp)
    resource.strategy.kind.prepareForDelete?.(object, formatTime(new Date(backend.clock.now())));
  const plan = planDeletion(object, options, resource.strategy, backend.clock.now());
  if (plan === 'pending') return { entry, gone: false };
  const stored = await storable(object, resource);
  call.request.cancellation.throwIfAborted();
  if (plan === 'remove') {
    if (!dryRun && (await backend.writer.delete(entry)) === undefined) return undefined;
    return { entry, gone: true };
  }
  if (dryRun) return { entry: new CacheEntry(entry.key, entry.revision, encodeStored(stored), stored), gone: false };
  const marked = await backend.writer.update(entry, stored);
  return marked && { entry: marked, gone: false };
}

/** apiserver pkg/registry/rest/delete.go BeforeDelete. */
export function checkPreconditions(call: Call, { metadata }: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { info } = call.resource;
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      info,
      metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      info,
      metadata.name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`,
    );
  }
}

async function judge(call: Call, entry: CacheEntry, options: DeleteOptions): Promise<void> {
  const { request, resource, backend } = call;
  const attributes = {
    operation: 'DELETE' as const,
    resource: resource.info,
    subresource: '',
    namespace: request.info.namespace,
    name: request.info.name,
    object: undefined,
    oldObject: viewOf(entry, resource).object,
    options,
    dryRun: Boolean(options.dryRun?.length),
    user: request.user,
    cancellation: request.cancellation,
    warn: (message: string) => void request.warnings.add(message),
    annotate: (key: string, value: string) => void request.auditAnnotations.set(key, value),
  };
  await backend.admission.mutate(attributes);
  await backend.admission.validate(attributes);
}

/** The object if it stays or its kind says so, else a Status (apiserver pkg/endpoints/handlers/delete.go). */
function answer(call: Call, { entry, gone }: Deleted, options: DeleteOptions): Promise<ApiResponse> {
  const { info, strategy } = call.resource;
  if (!gone) return renderEntry(call, entry, options.orphanDependents === false ? 202 : 200);
  if (strategy.returnsDeleted) return renderEntry(call, entry);
  const { name, uid } = entry.object.metadata;
  const status: StatusObject = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, ...(info.group ? { group: info.group } : {}), kind: info.resource, uid },
  };
  return renderObject({ ...call, accepted: { ...call.accepted, as: undefined } }, status);
}
