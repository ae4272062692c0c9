import { hasReason } from '../api/status-error.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { jobs } from './job/job.ts';
import { isFinished } from './job/job-status.ts';

/** Deletes finished Jobs after spec.ttlSecondsAfterFinished (KEP-592, kubernetes pkg/controller/ttlafterfinished). */
export function ttlAfterFinishedController({ client, informers, clock }: ControllerContext): Controller {
  const all = informers.informer(jobs);
  return {
    name: 'ttl-after-finished',
    for: jobs,
    reconcile: async (key) => {
      const job = all.get(key);
      const end = job && isFinished(job);
      const ttl = job?.spec.ttlSecondsAfterFinished;
      if (!job || !end || ttl === undefined || job.metadata.deletionTimestamp) return;
      const leftMs = Date.parse(end.lastTransitionTime ?? '') + ttl * 1000 - clock.now();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      const { name, namespace, uid, resourceVersion } = job.metadata;
      try {
        // The version makes sure that the TTL was not raised in the meantime.
        await client.delete(jobs, name, namespace, {
          propagationPolicy: 'Foreground',
          preconditions: { uid, resourceVersion },
        });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
    },
  };
}
