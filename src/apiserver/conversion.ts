import type { ResourceInfo } from '../api/resource.ts';
import type { Conversion } from './strategy.ts';

/** How a resource that is stored in another version is converted; undefined for all that are stored as they are served. */
export function conversionOf(_info: ResourceInfo): Conversion | undefined {
  return undefined;
}
