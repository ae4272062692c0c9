import type { Call } from '../backend.ts';
import type { VerbHandler } from '../router.ts';
import { binding } from './binding.ts';
import { eviction } from './eviction.ts';
import { log } from './log.ts';
import { approval, ephemeralContainers, finalize, resize } from './parts.ts';
import { proxy } from './proxy.ts';
import { scale } from './scale.ts';
import { status } from './status.ts';
import { attach, exec, portForward } from './streaming.ts';

/** Subresources by name; those of one resource only as 'resource/subresource'. */
const subresources: Record<string, VerbHandler> = {
  status,
  scale,
  'namespaces/finalize': finalize,
  'pods/binding': binding,
  'pods/eviction': eviction,
  'pods/log': log,
  'pods/exec': exec,
  'pods/attach': attach,
  'pods/portforward': portForward,
  'pods/proxy': proxy,
  'nodes/proxy': proxy,
  'services/proxy': proxy,
  'pods/ephemeralcontainers': ephemeralContainers,
  'pods/resize': resize,
  'certificatesigningrequests/approval': approval,
};

/** Who serves this subresource, if the resource has it. */
export function findSubresource({ resource, request }: Call): VerbHandler | undefined {
  const { subresource } = request.info;
  if (!Object.hasOwn(resource.info.subresources, subresource)) return undefined;
  return subresources[`${resource.info.resource}/${subresource}`] ?? subresources[subresource];
}
