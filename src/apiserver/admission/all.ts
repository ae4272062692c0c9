import type { Clock } from '../../base/clock.ts';
import type { ClusterAuthorizer } from '../authorization/authorizers.ts';
import { createEscalationCheck } from '../authorization/escalation.ts';
import type { AdmissionPlugin, ObjectReader } from '../request.ts';
import { certificatePermissions, signerPermissions } from './certificates.ts';
import { customResourceRules } from './custom-resource-rules.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { deviceAdminAccess } from './device-admin-access.ts';
import { deviceExpressions } from './device-expressions.ts';
import { admissionExpressions } from './expressions.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { podSecurity } from './pod-security.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { priority } from './priority.ts';
import { resourceQuota } from './resource-quota.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { defaultStorageClass, persistentVolumeClaimResize, storageObjectInUseProtection } from './storage-defaults.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

export interface AdmissionContext {
  reader: ObjectReader;
  authorizer: ClusterAuthorizer;
  clock: Clock;
}

/**
 * The built-in plugins in the order of Kubernetes (pkg/kubeapiserver/options/plugins.go AllOrderedPlugins). Webhooks and
 * policies belong between `beforeWebhooks` and `afterWebhooks`.
 */
export function builtinAdmission(context: AdmissionContext): {
  beforeWebhooks: AdmissionPlugin[];
  afterWebhooks: AdmissionPlugin[];
} {
  const { reader, authorizer, clock } = context;
  return {
    beforeWebhooks: [
      // First, since nothing else matters in a namespace that is not there or going away.
      namespaceLifecycle(reader),
      // Before whoever looks at requests and limits.
      limitRanger(reader),
      // Adds volumes, which NodeRestriction and PodSecurity judge.
      serviceAccount(context),
      nodeRestriction(reader),
      // After NodeRestriction: a node may not taint itself, the server may.
      taintNodesByCondition,
      podSecurity(reader),
      priority(reader),
      defaultTolerationSeconds,
      defaultStorageClass(reader),
      storageObjectInUseProtection,
      persistentVolumeClaimResize(reader),
      // After DefaultTolerationSeconds: adds tolerations of its own.
      runtimeClass(reader),
      ...certificatePermissions(authorizer, clock),
      ...signerPermissions(authorizer, clock),
      defaultIngressClass(reader),
      podTopologyLabels(reader),
    ],
    afterWebhooks: [
      // Part of the storage of RBAC objects in Kubernetes, so behind all that may still change them.
      createEscalationCheck(authorizer),
      customResourceRules,
      admissionExpressions,
      deviceExpressions,
      deviceAdminAccess(reader),
      // Last: only what everybody else has let pass may count.
      resourceQuota(context),
    ],
  };
}
