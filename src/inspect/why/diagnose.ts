import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../../api/generated/apps-v1.ts';
import type { CronJob, Job } from '../../api/generated/batch-v1.ts';
import type { Node, PersistentVolumeClaim, Pod, Service } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { diagnoseClaim } from './claim.ts';
import type { WhyFacts } from './facts.ts';
import { type Finding, orderFindings } from './finding.ts';
import { diagnoseCronJob, diagnoseJob } from './job.ts';
import { diagnoseNode } from './node.ts';
import { diagnosePod } from './pod.ts';
import { diagnoseService } from './service.ts';
import { diagnoseWorkload } from './workload.ts';

/** Why the object does not work, the cause first. Nothing found: it works, as far as can be seen. Pure. */
export function diagnose(object: KubeObject, facts: WhyFacts): Finding[] {
  return orderFindings(findingsOf(object, facts));
}

function findingsOf(object: KubeObject, facts: WhyFacts): Finding[] {
  switch (object.kind) {
    case 'Pod':
      return diagnosePod(object as Pod, facts);
    case 'Service':
      return diagnoseService(object as Service, facts);
    case 'PersistentVolumeClaim':
      return diagnoseClaim(object as PersistentVolumeClaim, facts);
    case 'Node':
      return diagnoseNode(object as Node, facts);
    case 'Job':
      return diagnoseJob(object as Job, facts);
    case 'CronJob':
      return diagnoseCronJob(object as CronJob, facts);
    default:
      return diagnoseWorkload(object as Deployment | ReplicaSet | StatefulSet | DaemonSet, facts);
  }
}
