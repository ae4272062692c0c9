import type { Pod, PodTemplateSpec } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import { pods } from '../api/resource.ts';
import { hasReason, StatusError } from '../api/status-error.ts';
import type { ControllerContext } from '../client/controller.ts';

/** Creates and deletes Pods in the name of an owner and tells it in Events (controller_utils.go, RealPodControl). */
export interface PodControl {
  create(
    owner: KubeObject,
    template: PodTemplateSpec,
    options?: { name?: string; generateName?: string; finalizers?: string[] },
  ): Promise<Pod>;
  delete(owner: KubeObject, pod: Pod): Promise<void>;
}

export function createPodControl({ client, events }: Pick<ControllerContext, 'client' | 'events'>): PodControl {
  return {
    create: async (owner, template, options = {}) => {
      const { labels, annotations, finalizers } = template.metadata ?? {};
      try {
        const pod = await client.create(pods, {
          metadata: {
            ...(options.name
              ? { name: options.name }
              : { generateName: options.generateName ?? `${owner.metadata.name}-` }),
            namespace: owner.metadata.namespace,
            labels,
            annotations,
            finalizers: options.finalizers ?? finalizers,
            ownerReferences: [ownerReference(owner)],
          },
          spec: template.spec ?? { containers: [] },
        });
        events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
        return pod;
      } catch (error) {
        // A namespace on its way out refuses all creations: nothing is wrong with the owner.
        if (!isNamespaceTerminating(error))
          events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
        throw error;
      }
    },
    delete: async (owner, pod) => {
      try {
        await client.delete(pods, pod.metadata.name, pod.metadata.namespace, {
          preconditions: { uid: pod.metadata.uid },
        });
        events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
      } catch (error) {
        if (hasReason(error, 'NotFound')) return;
        events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${(error as Error).message}`);
        throw error;
      }
    },
  };
}

/** The reference that makes `owner` the controller of an object (metav1.NewControllerRef). */
export function ownerReference(owner: KubeObject) {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}

/** Runs `count` calls in batches of 1, 2, 4, …, and starts no further batch after a failure; returns how many were tried. */
export async function slowStart(
  count: number,
  call: (i: number) => Promise<unknown>,
): Promise<{ tried: number; errors: unknown[] }> {
  let tried = 0;
  for (let batch = 1; tried < count; batch *= 2) {
    const size = Math.min(batch, count - tried);
    const results = await Promise.allSettled(Array.from({ length: size }, (_, i) => call(tried + i)));
    tried += size;
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (errors.length > 0) return { tried, errors };
  }
  return { tried, errors: [] };
}
