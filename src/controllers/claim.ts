import { controllerOf, type KubeObject, type LabelSelector } from '../api/object.ts';
import type { Resource } from '../api/resource.ts';
import { compileSelector } from '../api/selectors.ts';
import { hasReason } from '../api/status-error.ts';
import type { Client } from '../client/client.ts';
import { ownerReference } from './pod-control.ts';

/**
 * The objects that belong to `owner`: those it controls and still selects. Orphans that it selects are adopted, and
 * what it controls but no longer selects is released (pkg/controller/controller_ref_manager.go).
 */
export async function claim<T extends KubeObject>(options: {
  client: Client;
  resource: Resource<T>;
  owner: KubeObject;
  selector: LabelSelector | undefined;
  candidates: T[];
}): Promise<T[]> {
  const { client, resource, owner, candidates } = options;
  const selects = compileSelector(options.selector);
  const claimed: T[] = [];
  for (const object of candidates) {
    const controller = controllerOf(object);
    const matches = selects(object.metadata.labels ?? {});
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches) claimed.push(object);
      else if (!owner.metadata.deletionTimestamp) await release(client, resource, object, owner);
    } else if (matches && !owner.metadata.deletionTimestamp && !object.metadata.deletionTimestamp) {
      const adopted = await adopt(client, resource, object, owner);
      if (adopted) claimed.push(adopted);
    }
  }
  return claimed;
}

async function adopt<T extends KubeObject>(client: Client, resource: Resource<T>, object: T, owner: KubeObject) {
  const { name, namespace, uid } = object.metadata;
  const body = { metadata: { ownerReferences: [ownerReference(owner)], uid } };
  try {
    return await client.patch(resource, name, namespace, { type: 'strategic', body });
  } catch (error) {
    // Gone, or replaced by another of the same name (its uid does not match).
    if (hasReason(error, 'NotFound') || hasReason(error, 'Invalid') || hasReason(error, 'Conflict')) return undefined;
    throw error;
  }
}

async function release<T extends KubeObject>(client: Client, resource: Resource<T>, object: T, owner: KubeObject) {
  const { name, namespace, uid } = object.metadata;
  const body = { metadata: { ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }], uid } };
  try {
    await client.patch(resource, name, namespace, { type: 'strategic', body });
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Invalid') && !hasReason(error, 'Conflict')) throw error;
  }
}
