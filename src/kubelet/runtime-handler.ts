import { runtimeClasses } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';

/**
 * The OCI runtime that the Pod asks for; undefined for the default. Throws if the node does not have it (kubelet
 * runtimeclass_manager.go LookupRuntimeHandler).
 */
export async function runtimeHandler(
  { client, runtime }: NodeContext,
  { pod }: PodRecord,
): Promise<string | undefined> {
  const name = pod.spec.runtimeClassName;
  if (!name) return undefined;
  const { handler } = await client.get(runtimeClasses, name).catch((error: unknown) => {
    throw hasReason(error, 'NotFound') ? new Error(`RuntimeClass "${name}" not found`) : error;
  });
  if (!runtime.handlers.includes(handler)) throw new Error(`no runtime for "${handler}" is configured`);
  return handler;
}
