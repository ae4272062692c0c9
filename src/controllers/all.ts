import type { ControllerFactory } from '../client/controller.ts';
import { admissionPolicyStatusController } from './admission-policy-status.ts';
import { certificateApprovalController } from './certificates/approval.ts';
import { certificateCleaningController } from './certificates/cleaning.ts';
import { nodeCertificateApprovalController } from './certificates/node-approval.ts';
import { certificateSigningController } from './certificates/signing.ts';
import { clusterRoleAggregationController } from './clusterrole-aggregation.ts';
import { controlPlaneNodeController } from './control-plane-node.ts';
import { cronJobController } from './cronjob/cronjob.ts';
import { daemonSetController } from './daemonset/daemonset.ts';
import { deploymentController } from './deployment/deployment.ts';
import { disruptionController } from './disruption/disruption.ts';
import { endpointsController } from './endpoints/endpoints.ts';
import { endpointSliceController } from './endpoints/endpointslice.ts';
import { endpointSliceMirroringController } from './endpoints/mirroring.ts';
import { horizontalPodAutoscalerController } from './hpa/hpa.ts';
import { jobController } from './job/job.ts';
import { namespaceController } from './namespace.ts';
import { type NodeIpamOptions, nodeIpamController } from './node-ipam.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';
import { podGcController } from './pod-gc.ts';
import { replicaSetController } from './replicaset.ts';
import { replicationControllerController } from './replicationcontroller.ts';
import { resourceClaimController } from './resource-claims/resource-claims.ts';
import { resourceQuotaController } from './resourcequota.ts';
import { rootCaController } from './root-ca.ts';
import { serviceCidrsController } from './service-cidrs.ts';
import { serviceLoadBalancerController } from './service-load-balancer.ts';
import { serviceAccountController } from './serviceaccount.ts';
import { statefulSetController } from './statefulset/statefulset.ts';
import { tokenCleanerController } from './token-cleaner.ts';
import { ttlAfterFinishedController } from './ttl-after-finished.ts';
import { attachDetachController } from './volumes/attach-detach.ts';
import { claimBinderController } from './volumes/binder.ts';
import { ephemeralVolumeController } from './volumes/ephemeral.ts';
import {
  type LocalDirectories,
  localPathProvisionerController,
  localPathReclaimController,
} from './volumes/local-path.ts';
import { localPathResizeController } from './volumes/local-path-resize.ts';
import { pvcProtectionController, pvProtectionController } from './volumes/protection.ts';
import { volumePhaseController } from './volumes/volume-phase.ts';

export interface ControllerOptions {
  /** The node beside the control plane, if it has one. */
  controlPlaneNode?: string;
  /** The cluster's CA as PEM. */
  ca: string;
  /** Signs certificates; no signing when absent. */
  signer?: { certificate: string; key: string };
  /** Addresses of Pods; nodes bring their own range when absent. */
  nodeIpam?: NodeIpamOptions;
  /** Pool of addresses for Services of type LoadBalancer. */
  loadBalancerCidr: string;
  /** Where the provisioner of class local-path makes volumes; no provisioner when absent. */
  localDirectories?: LocalDirectories;
}

/** A controller, and the ServiceAccount in kube-system as which it acts; its rights are its role's (bootstrappolicy/controller_policy.go). */
export interface ControllerEntry {
  account: string;
  make: ControllerFactory;
}

/** Every controller. The order is of no account: they meet only in API objects. */
export function allControllers(options: ControllerOptions): ControllerEntry[] {
  return [
    { account: 'namespace-controller', make: namespaceController },
    { account: 'service-account-controller', make: serviceAccountController },
    { account: 'root-ca-cert-publisher', make: rootCaController(options.ca) },
    ...(options.signer
      ? [{ account: 'certificate-controller', make: certificateSigningController(options.signer) }]
      : []),
    { account: 'certificate-controller', make: certificateApprovalController },
    { account: 'certificate-controller', make: certificateCleaningController },
    { account: 'node-certificate-approver', make: nodeCertificateApprovalController },
    { account: 'deployment-controller', make: deploymentController },
    { account: 'replicaset-controller', make: replicaSetController },
    { account: 'replication-controller', make: replicationControllerController },
    { account: 'daemon-set-controller', make: daemonSetController },
    { account: 'statefulset-controller', make: statefulSetController },
    { account: 'job-controller', make: jobController },
    { account: 'cronjob-controller', make: cronJobController },
    { account: 'horizontal-pod-autoscaler', make: horizontalPodAutoscalerController },
    { account: 'token-cleaner', make: tokenCleanerController },
    { account: 'ttl-after-finished-controller', make: ttlAfterFinishedController },
    { account: 'disruption-controller', make: disruptionController },
    { account: 'resourcequota-controller', make: resourceQuotaController },
    { account: 'clusterrole-aggregation-controller', make: clusterRoleAggregationController },
    { account: 'validatingadmissionpolicy-status-controller', make: admissionPolicyStatusController },
    { account: 'service-cidrs-controller', make: serviceCidrsController },
    { account: 'resource-claim-controller', make: resourceClaimController },
    { account: 'ephemeral-volume-controller', make: ephemeralVolumeController },
    { account: 'persistent-volume-binder', make: claimBinderController },
    { account: 'persistent-volume-binder', make: volumePhaseController },
    ...localPath(options.localDirectories),
    { account: 'attachdetach-controller', make: attachDetachController },
    { account: 'pvc-protection-controller', make: pvcProtectionController },
    { account: 'pv-protection-controller', make: pvProtectionController },
    { account: 'endpointslicemirroring-controller', make: endpointSliceMirroringController },
    { account: 'endpointslice-controller', make: endpointSliceController },
    { account: 'endpoint-controller', make: endpointsController },
    { account: 'service-controller', make: serviceLoadBalancerController(options.loadBalancerCidr) },
    { account: 'node-controller', make: nodeLifecycleController },
    ...(options.nodeIpam ? [{ account: 'node-controller', make: nodeIpamController(options.nodeIpam) }] : []),
    ...(options.controlPlaneNode
      ? [{ account: 'node-controller', make: controlPlaneNodeController(options.controlPlaneNode) }]
      : []),
    { account: 'pod-garbage-collector', make: podGcController },
  ];
}

function localPath(directories: LocalDirectories | undefined): ControllerEntry[] {
  if (!directories) return [];
  return [
    { account: 'persistent-volume-binder', make: localPathProvisionerController(directories) },
    { account: 'persistent-volume-binder', make: localPathReclaimController(directories) },
    { account: 'persistent-volume-binder', make: localPathResizeController(directories) },
  ];
}
