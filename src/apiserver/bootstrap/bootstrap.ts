import type { Draft, KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { ObjectReader } from '../request.ts';
import { type BootstrapFacts, type DefaultObject, defaultNamespaces, defaultObjects } from './default-objects.ts';
import { planDefaultObject } from './plan-default-object.ts';

/** Writes as a member of system:masters; the client has these methods. */
export interface BootstrapWrites {
  create<T extends KubeObject>(resource: Resource<T>, object: Draft<T>): Promise<T>;
  update<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T>;
}

/**
 * Brings the objects that every cluster has to where they should be: all created at the first start, compared in
 * memory at later ones. Resolves with the number of writes.
 */
export async function bootstrap(
  facts: BootstrapFacts,
  { reader, writes, extra = [] }: { reader: ObjectReader; writes: BootstrapWrites; extra?: DefaultObject[] },
): Promise<number> {
  const ensure = (wanted: DefaultObject) => ensureObject(wanted, { reader, writes });
  const count = async (objects: DefaultObject[]) => (await Promise.all(objects.map(ensure))).reduce((a, b) => a + b, 0);
  // One after the other: objects in a namespace need it.
  return (await count(defaultNamespaces())) + (await count([...defaultObjects(facts), ...extra]));
}

/** Brings one object to where it should be. Resolves with the number of writes. */
export async function ensureObject(
  wanted: DefaultObject,
  { reader, writes }: { reader: ObjectReader; writes: BootstrapWrites },
): Promise<number> {
  const { name = '', namespace = '' } = wanted.object.metadata;
  const plan = planDefaultObject(wanted, reader.get(wanted.resource, namespace, name));
  if (!plan) return 0;
  try {
    if (plan.action === 'create') await writes.create(wanted.resource, wanted.object);
    else await writes.update(wanted.resource, plan.object);
    return 1;
  } catch (error) {
    // Another API server on the same store was faster.
    if (hasReason(error, 'AlreadyExists') || hasReason(error, 'Conflict')) return 0;
    throw new Error(`bootstrap ${wanted.resource.resource} ${namespace ? `${namespace}/` : ''}${name}`, {
      cause: error,
    });
  }
}
