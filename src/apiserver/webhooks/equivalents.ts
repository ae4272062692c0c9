import type { KubeObject } from '../../api/object.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import type { ServedResources } from '../resources.ts';
import { storable } from '../views.ts';

/** Other versions in which the same objects are served. */
export function equivalentsOf(resources: ServedResources, info: ResourceInfo): ResourceInfo[] {
  return resources
    .all()
    .filter((one) => one.group === info.group && one.resource === info.resource && one.version !== info.version);
}

/** The object as another version of its resource. */
export async function convertTo(
  resources: ServedResources,
  object: KubeObject | undefined,
  from: ResourceInfo,
  to: ResourceInfo,
): Promise<KubeObject | undefined> {
  const [source, target] = [resources.get(from), resources.get(to)];
  if (!object || !source || !target || from === to) return object;
  const stored = await storable(structuredClone(object), source);
  if (!target.conversion) return stored;
  if (!target.conversion.convertAll) return target.conversion.toServed(stored);
  const [converted] = await target.conversion.convertAll([stored], 'served');
  return converted;
}
