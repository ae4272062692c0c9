import type { ConfigMap, Namespace } from '../../api/generated/core-v1.ts';
import type { ServiceCIDR } from '../../api/generated/networking-v1.ts';
import type { PriorityClass } from '../../api/generated/scheduling-v1.ts';
import type { Draft, KubeObject } from '../../api/object.ts';
import {
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  endpointSlices,
  endpoints,
  namespaces,
  priorityClasses,
  type Resource,
  roleBindings,
  roles,
  serviceCidrs,
  services,
} from '../../api/resource.ts';
import { allowedProxies } from '../authentication/request-headers.ts';
import { flowSchemas, priorityLevels } from '../flow-control/flow-control.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from './flow-control-defaults.ts';
import {
  type ApiServerAddress,
  kubernetesEndpointSlice,
  kubernetesEndpoints,
  kubernetesService,
} from './kubernetes-service.ts';
import { defaultClusterRoleBindings, defaultClusterRoles, defaultRoleBindings, defaultRoles } from './rbac-defaults.ts';

export interface BootstrapFacts {
  api: ApiServerAddress;
  serviceCidr: string;
  /** PEM of the CA that signs client certificates, for extension API servers. */
  clientCa: string;
  /** PEM of the CA of the front proxy. */
  requestHeaderCa: string;
}

/** What to do when the object is there but differs. */
export type Reconcile =
  /** It belongs to the users from then on. */
  | 'keep'
  /** Missing rules and subjects come back, additions stay, unless its autoupdate annotation is 'false'. */
  | 'rbac'
  /** Its spec (or data, subsets, endpoints, …) is made the same again. */
  | 'restore';

export interface DefaultObject {
  resource: Resource<KubeObject>;
  object: Draft<KubeObject>;
  reconcile: Reconcile;
}

/** The namespaces, which have to be there before the rest. */
export function defaultNamespaces(): DefaultObject[] {
  const names = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
  return names.map((name) => row<Namespace>(namespaces, { metadata: { name }, spec: {} }, 'keep'));
}

/** Everything else that a cluster has from its first moment. */
export function defaultObjects(facts: BootstrapFacts): DefaultObject[] {
  return [
    ...defaultClusterRoles().map((object) => row(clusterRoles, object, 'rbac')),
    ...defaultClusterRoleBindings().map((object) => row(clusterRoleBindings, object, 'rbac')),
    ...defaultRoles().map((object) => row(roles, object, 'rbac')),
    ...defaultRoleBindings().map((object) => row(roleBindings, object, 'rbac')),
    ...systemPriorityClasses.map((object) => row<PriorityClass>(priorityClasses, object, 'keep')),
    ...defaultPriorityLevels().map((object) => row(priorityLevels, object, 'keep')),
    ...defaultFlowSchemas().map((object) => row(flowSchemas, object, 'keep')),
    row<ServiceCIDR>(serviceCidrs, { metadata: { name: 'kubernetes' }, spec: { cidrs: [facts.serviceCidr] } }, 'keep'),
    ...apiServerObjects(facts.api),
    row<ConfigMap>(configMaps, authenticationConfig(facts), 'restore'),
  ];
}

/** The Service by which Pods reach the API server. Once made it is not changed back, its endpoints are. */
export function apiServerObjects(api: ApiServerAddress): DefaultObject[] {
  return [
    row(services, kubernetesService(api), 'keep'),
    row(endpoints, kubernetesEndpoints(api), 'restore'),
    row(endpointSlices, kubernetesEndpointSlice(api), 'restore'),
  ];
}

/** pkg/apis/scheduling/helpers.go */
const systemPriorityClasses: Draft<PriorityClass>[] = [
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
    preemptionPolicy: 'PreemptLowerPriority',
  },
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
    preemptionPolicy: 'PreemptLowerPriority',
  },
];

/** How aggregated API servers verify what we forward (pkg/controlplane/controller/clusterauthenticationtrust). */
function authenticationConfig({ clientCa, requestHeaderCa }: BootstrapFacts): Draft<ConfigMap> {
  return {
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: {
      'client-ca-file': clientCa,
      'requestheader-allowed-names': JSON.stringify(allowedProxies),
      'requestheader-client-ca-file': requestHeaderCa,
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    },
  };
}

function row<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, reconcile: Reconcile): DefaultObject {
  return {
    resource: resource as Resource<KubeObject>,
    object: object as unknown as Draft<KubeObject>,
    reconcile,
  };
}
