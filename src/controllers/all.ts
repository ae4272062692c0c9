import type { ControllerFactory } from '../client/controller.ts';
import { deploymentController } from './deployment/deployment.ts';
import { endpointsController } from './endpoints/endpoints.ts';
import { endpointSliceController } from './endpoints/endpointslice.ts';
import { namespaceController } from './namespace.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';
import { podGcController } from './pod-gc.ts';
import { replicaSetController } from './replicaset.ts';
import { rootCaController } from './root-ca.ts';
import { serviceLoadBalancerController } from './service-load-balancer.ts';
import { serviceAccountController } from './serviceaccount.ts';

export interface ControllerOptions {
  /** The cluster's CA as PEM. */
  ca: string;
  /** Pool of addresses for Services of type LoadBalancer. */
  loadBalancerCidr: string;
}

/** Every controller. The order is of no account: they meet only in API objects. */
export function allControllers(options: ControllerOptions): ControllerFactory[] {
  return [
    namespaceController,
    serviceAccountController,
    rootCaController(options.ca),
    deploymentController,
    replicaSetController,
    endpointSliceController,
    endpointsController,
    serviceLoadBalancerController(options.loadBalancerCidr),
    nodeLifecycleController,
    podGcController,
  ];
}
