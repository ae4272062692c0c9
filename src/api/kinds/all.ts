import type { Kind } from '../kind.ts';
import {
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
} from './admission-policy.ts';
import { mutatingWebhookConfiguration, validatingWebhookConfiguration } from './admission-registration.ts';
import { apiService } from './api-service.ts';
import { horizontalPodAutoscaler, horizontalPodAutoscalerV1 } from './autoscaling.ts';
import { certificateSigningRequest } from './certificate-signing-request.ts';
import { clusterTrustBundle } from './cluster-trust-bundle.ts';
import { configMap } from './config-map.ts';
import { controllerRevision } from './controller-revision.ts';
import { cronJob } from './cron-job.ts';
import { csiDriver, csiNode, csiStorageCapacity, volumeAttachment, volumeAttributesClass } from './csi.ts';
import { customResourceDefinition } from './custom-resource-definition.ts';
import { daemonSet } from './daemon-set.ts';
import { deployment } from './deployment.ts';
import { deviceClass } from './device-class.ts';
import { endpointSlice } from './endpoint-slice.ts';
import { endpoints } from './endpoints.ts';
import { event, newEvent } from './event.ts';
import { flowSchema, priorityLevelConfiguration } from './flow-control.ts';
import { job } from './job.ts';
import { lease } from './lease.ts';
import { namespace } from './namespace.ts';
import { ingress, ingressClass, networkPolicy } from './networking.ts';
import { node } from './node.ts';
import { pod } from './pod.ts';
import { podCertificateRequest } from './pod-certificate-request.ts';
import { podTemplate } from './pod-template.ts';
import { podDisruptionBudget } from './policy.ts';
import { priorityClass } from './priority-class.ts';
import { limitRange, resourceQuota } from './quota.ts';
import { clusterRole, clusterRoleBinding, role, roleBinding } from './rbac.ts';
import { replicaSet } from './replica-set.ts';
import { replicationController } from './replication-controller.ts';
import { resourceClaim, resourceClaimTemplate } from './resource-claim.ts';
import { resourceSlice } from './resource-slice.ts';
import { runtimeClass } from './runtime-class.ts';
import { secret } from './secret.ts';
import { service } from './service.ts';
import { serviceAccount } from './service-account.ts';
import { ipAddress, serviceCidr } from './service-cidr.ts';
import { statefulSet } from './stateful-set.ts';
import { persistentVolume, persistentVolumeClaim, storageClass } from './storage.ts';

/** Every kind that adds something of its own. A kind that is not here is served by the facts table alone. */
const kinds = [
  pod,
  service,
  namespace,
  node,
  endpoints,
  endpointSlice,
  event,
  newEvent,
  configMap,
  secret,
  serviceAccount,
  lease,
  role,
  clusterRole,
  roleBinding,
  clusterRoleBinding,
  deployment,
  replicaSet,
  replicationController,
  statefulSet,
  daemonSet,
  job,
  cronJob,
  persistentVolumeClaim,
  persistentVolume,
  storageClass,
  csiDriver,
  csiNode,
  csiStorageCapacity,
  volumeAttachment,
  volumeAttributesClass,
  ingress,
  ingressClass,
  networkPolicy,
  serviceCidr,
  ipAddress,
  podDisruptionBudget,
  deviceClass,
  resourceClaim,
  resourceClaimTemplate,
  resourceSlice,
  horizontalPodAutoscaler,
  horizontalPodAutoscalerV1,
  priorityClass,
  resourceQuota,
  limitRange,
  runtimeClass,
  customResourceDefinition,
  mutatingWebhookConfiguration,
  validatingWebhookConfiguration,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  certificateSigningRequest,
  clusterTrustBundle,
  podCertificateRequest,
  controllerRevision,
  podTemplate,
  apiService,
  flowSchema,
  priorityLevelConfiguration,
] as unknown as readonly Kind[];
const byType = new Map(kinds.map((kind) => [kind.type, kind]));

/** What the kind with this type, such as 'apps/v1.Deployment', adds to the generic implementation. */
export function kindOf(type: string): Kind | undefined {
  return byType.get(type);
}
