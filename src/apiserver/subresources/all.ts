import type { Call } from '../backend.ts';
import type { VerbHandler } from '../router.ts';
import { status } from './status.ts';

/** Subresources by name; those of one resource only as 'resource/subresource'. */
const subresources: Record<string, VerbHandler> = {
  status,
};

/** Who serves this subresource, if the resource has it. */
export function findSubresource({ resource, request }: Call): VerbHandler | undefined {
  const { subresource } = request.info;
  if (!Object.hasOwn(resource.info.subresources, subresource)) return undefined;
  return subresources[`${resource.info.resource}/${subresource}`] ?? subresources[subresource];
}
