import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../api/object.ts';
import { alreadyExists, badRequest, conflict, invalid, modifiedMessage } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import type { PutOptions } from '../../store/store.ts';
import { type Call, cacheOf } from '../backend.ts';
import type { AdmissionAttributes } from '../request.ts';
import { CacheEntry, encodeStored } from '../storage/cache-entry.ts';
import type { NotCreated } from '../storage/object-writer.ts';
import { storageKey } from '../storage/storage-key.ts';
import { storable } from '../views.ts';
import { recordFields } from './field-management.ts';
import { generateName } from './object-name.ts';
import type { Write } from './write.ts';

/** How often a generated name is tried (KEP-4420). */
const maxNameAttempts = 8;
/** How often a creation is tried again because another server gave away the same address. */
const maxRaces = 100;

/**
 * Stores a new object (apiserver pkg/registry/generic/registry/store.go Create):
 *  1. the namespace is the URL's, the system fills in name, uid and creation time;
 *  2. managed fields are recorded;
 *  3. admission changes the object;
 *  4. the strategy drops what users may not set, addresses are allocated;
 *  5. the object is validated, then admission judges it;
 *  6. it is written, unless this is a dry run.
 */
export async function createObject(call: Call, object: KubeObject, write: Write): Promise<CacheEntry> {
  const generated = !object.metadata.name && Boolean(object.metadata.generateName);
  const again = generated || (call.backend.cache.shared && call.backend.allocation.concerns(call.resource));
  let names = 0;
  for (let races = 0; races < maxRaces; ) {
    const candidate = again ? structuredClone(object) : object;
    const outcome = await attemptCreate(call, candidate, write);
    if (typeof outcome === 'object') return outcome;
    if (outcome === 'outdated') races++;
    else if (!generated || ++names >= maxNameAttempts) throw alreadyExists(call.resource.info, candidate.metadata.name);
  }
  throw conflict(call.resource.info, object.metadata.name, modifiedMessage);
}

async function attemptCreate(call: Call, object: KubeObject, write: Write): Promise<CacheEntry | NotCreated> {
  const { backend, resource } = call;
  fillMetadata(call, object);
  recordFields(call, undefined, object, write);
  const attributes = createAttributes(call, object, write);
  await backend.admission.mutate(attributes);
  prepare(call, object);
  const { settle, guard } = backend.allocation.allocate(resource, object, undefined);
  try {
    const causes = resource.strategy.validateCreate(object);
    if (causes.length > 0) throw invalid(resource.info, object.metadata.name, causes);
    for (const warning of resource.strategy.kind.warnings?.(object) ?? []) write.warn(warning);
    await backend.admission.validate(attributes);
    return await put(call, object, write, guard);
  } finally {
    settle();
  }
}

function fillMetadata(call: Call, object: KubeObject): void {
  const { namespaced } = call.resource.info;
  const { namespace } = call.request.info;
  const { metadata } = object;
  if (namespaced) {
    if (metadata.namespace && metadata.namespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    metadata.namespace = namespace;
  } else {
    if (metadata.namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    delete metadata.namespace;
  }
  if (metadata.resourceVersion && metadata.resourceVersion !== '0') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  if (!metadata.name && metadata.generateName) metadata.name = generateName(metadata.generateName);
  metadata.uid = randomUUID();
  metadata.creationTimestamp = formatTime(new Date(call.backend.clock.now()));
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
}

function createAttributes(call: Call, object: KubeObject, write: Write): AdmissionAttributes {
  return {
    operation: 'CREATE',
    resource: call.resource.info,
    subresource: '',
    namespace: call.request.info.namespace,
    name: object.metadata.name ?? '',
    object,
    oldObject: undefined,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    dryRun: write.dryRun,
    user: call.request.user,
    cancellation: call.request.cancellation,
    warn: write.warn,
    annotate: write.annotate,
  };
}

function prepare(call: Call, object: KubeObject): void {
  const { strategy } = call.resource;
  if (strategy.hasStatus && !strategy.kind.keepsCreatedStatus) strategy.resetStatus(object);
  strategy.kind.prepareForCreate?.(object);
  if (strategy.hasGeneration) object.metadata.generation = 1;
  else delete object.metadata.generation;
}

async function put(
  call: Call,
  object: KubeObject,
  write: Write,
  guard: PutOptions['guard'],
): Promise<CacheEntry | NotCreated> {
  const { backend, resource } = call;
  const key = storageKey(resource.prefix, object.metadata.namespace ?? '', object.metadata.name);
  if (cacheOf(call).get(key)) return 'exists';
  const stored = await storable(object, resource);
  call.request.cancellation.throwIfAborted();
  if (write.dryRun) return new CacheEntry(key, 0, encodeStored(stored), stored);
  return backend.writer.create(key, stored, { ttlSeconds: resource.strategy.ttlSeconds, guard });
}
