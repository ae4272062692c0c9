import type { KubeObject } from '../../api/object.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import type { AdmissionAttributes } from '../request.ts';
import type { ServedResources } from '../resources.ts';
import { convertTo } from './equivalents.ts';

/** Puts a changed object, as `info` has it, in the place of the one that is being admitted. */
export async function replaceObject(
  resources: ServedResources,
  attributes: AdmissionAttributes,
  changed: KubeObject,
  info: ResourceInfo,
): Promise<void> {
  const back = await convertTo(resources, changed, info, attributes.resource);
  replaceContent(attributes.object!, decoded(resources, attributes, back!));
}

function decoded(resources: ServedResources, attributes: AdmissionAttributes, object: KubeObject): KubeObject {
  const strategy = resources.get(attributes.resource)?.strategy;
  if (!strategy || object.kind !== attributes.resource.kind) return object;
  const { object: canonical } = strategy.decode(object, 'Ignore');
  strategy.defaults(canonical);
  return canonical;
}

/** Plugins change the object in place. */
function replaceContent(object: KubeObject, content: KubeObject): void {
  for (const key of Object.keys(object)) delete (object as unknown as Record<string, unknown>)[key];
  Object.assign(object, content);
}
