import type { KubeObject } from '../../api/object.ts';
import type { Call } from '../backend.ts';

/**
 * Asks admission about what is asked of an object but never stored: a Binding, an Eviction, a TokenRequest, or how to
 * connect. Plugins and webhooks may change `asked` in place.
 */
export async function admitPart(
  { backend, request, resource }: Call,
  operation: 'CREATE' | 'CONNECT',
  subresource: string,
  asked: object,
  { name = request.info.name, dryRun = false } = {},
): Promise<void> {
  const attributes = {
    operation,
    resource: resource.info,
    subresource,
    namespace: request.info.namespace,
    name,
    object: asked as KubeObject,
    oldObject: undefined,
    options: operation === 'CREATE' ? Object.fromEntries(request.query) : undefined,
    dryRun,
    user: request.user,
    cancellation: request.cancellation,
    warn: (message: string) => void request.warnings.add(message),
    annotate: (key: string, value: string) => void request.auditAnnotations.set(key, value),
  };
  await backend.admission.mutate(attributes);
  await backend.admission.validate(attributes);
}
