import type { RuntimeClass } from '../api/generated/node-v1.ts';
import { builtin } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';

const runtimeClasses = builtin<RuntimeClass>('node.k8s.io', 'v1', 'runtimeclasses');

/** There is one runtime; runc is what others call the same. */
const handlers = new Set(['', 'crun', 'runc']);

/** Throws if the Pod asks for a runtime that the node does not have (kubelet runtimeclass_manager.go LookupRuntimeHandler). */
export async function checkRuntimeHandler({ client }: NodeContext, { pod }: PodRecord): Promise<void> {
  const name = pod.spec.runtimeClassName;
  if (!name) return;
  const { handler } = await client.get(runtimeClasses, name).catch((error: unknown) => {
    throw hasReason(error, 'NotFound') ? new Error(`RuntimeClass "${name}" not found`) : error;
  });
  if (!handlers.has(handler)) throw new Error(`no runtime for "${handler}" is configured`);
}
