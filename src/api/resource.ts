import type * as apps from './generated/apps-v1.ts';
import type * as certificates from './generated/certificates-v1.ts';
import type * as coordination from './generated/coordination-v1.ts';
import type * as core from './generated/core-v1.ts';
import type * as discovery from './generated/discovery-v1.ts';
import type * as networking from './generated/networking-v1.ts';
import type * as node from './generated/node-v1.ts';
import type * as policy from './generated/policy-v1.ts';
import type * as rbac from './generated/rbac-v1.ts';
import type * as devices from './generated/resource-v1.ts';
import table from './generated/resources.json' with { type: 'json' };
import type * as scheduling from './generated/scheduling-v1.ts';
import type * as storage from './generated/storage-v1.ts';
import type { KubeObject } from './object.ts';

/** One served resource: where it lives in the URL space and what may be done with it. */
export interface ResourceInfo {
  readonly group: string;
  readonly version: string;
  /** The plural in the URL, such as 'deployments'. */
  readonly resource: string;
  readonly kind: string;
  /** @default kind with 'List' behind it */
  readonly listKind?: string;
  /** Name of its type in the facts table, such as 'apps/v1.Deployment'. Empty for custom resources. */
  readonly type: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  /** Served only if it is asked for, as beta APIs are (KEP-3136). @default false */
  readonly offByDefault?: boolean;
  readonly subresources: Readonly<
    Record<string, { kind: string; group: string; version: string; verbs: readonly string[] }>
  >;
}

/** A ResourceInfo that remembers the TypeScript type of its objects. */
export interface Resource<T extends KubeObject> extends ResourceInfo {
  /** Never set; carries the type only. */
  readonly object?: T;
}

/** Every resource of the stable API, and what can be switched on of the rest, generated. */
export const builtinResources: readonly ResourceInfo[] = table as unknown as ResourceInfo[];

const byKey = new Map(builtinResources.map((info) => [`${info.group}/${info.version}/${info.resource}`, info]));

/** The built-in resource by group, version and plural name. Throws on an unknown one: a programming error. */
export function builtin<T extends KubeObject>(group: string, version: string, resource: string): Resource<T> {
  const info = byKey.get(`${group}/${version}/${resource}`);
  if (!info) throw new Error(`no built-in resource ${group}/${version}/${resource}`);
  return info;
}

/** 'apps/v1', or 'v1' for the core group. */
export function apiVersionOf(info: { group: string; version: string }): string {
  return info.group ? `${info.group}/${info.version}` : info.version;
}

export const pods = builtin<core.Pod>('', 'v1', 'pods');
export const nodes = builtin<core.Node>('', 'v1', 'nodes');
export const services = builtin<core.Service>('', 'v1', 'services');
export const endpoints = builtin<core.Endpoints>('', 'v1', 'endpoints');
export const namespaces = builtin<core.Namespace>('', 'v1', 'namespaces');
export const configMaps = builtin<core.ConfigMap>('', 'v1', 'configmaps');
export const secrets = builtin<core.Secret>('', 'v1', 'secrets');
export const serviceAccounts = builtin<core.ServiceAccount>('', 'v1', 'serviceaccounts');
export const resourceQuotas = builtin<core.ResourceQuota>('', 'v1', 'resourcequotas');
export const events = builtin<core.Event>('', 'v1', 'events');
export const persistentVolumeClaims = builtin<core.PersistentVolumeClaim>('', 'v1', 'persistentvolumeclaims');
export const persistentVolumes = builtin<core.PersistentVolume>('', 'v1', 'persistentvolumes');
export const deployments = builtin<apps.Deployment>('apps', 'v1', 'deployments');
export const replicaSets = builtin<apps.ReplicaSet>('apps', 'v1', 'replicasets');
export const statefulSets = builtin<apps.StatefulSet>('apps', 'v1', 'statefulsets');
export const daemonSets = builtin<apps.DaemonSet>('apps', 'v1', 'daemonsets');
export const endpointSlices = builtin<discovery.EndpointSlice>('discovery.k8s.io', 'v1', 'endpointslices');
export const networkPolicies = builtin<networking.NetworkPolicy>('networking.k8s.io', 'v1', 'networkpolicies');
export const serviceCidrs = builtin<networking.ServiceCIDR>('networking.k8s.io', 'v1', 'servicecidrs');
export const leases = builtin<coordination.Lease>('coordination.k8s.io', 'v1', 'leases');
export const priorityClasses = builtin<scheduling.PriorityClass>('scheduling.k8s.io', 'v1', 'priorityclasses');
export const podDisruptionBudgets = builtin<policy.PodDisruptionBudget>('policy', 'v1', 'poddisruptionbudgets');
export const runtimeClasses = builtin<node.RuntimeClass>('node.k8s.io', 'v1', 'runtimeclasses');
export const storageClasses = builtin<storage.StorageClass>('storage.k8s.io', 'v1', 'storageclasses');
export const csiDrivers = builtin<storage.CSIDriver>('storage.k8s.io', 'v1', 'csidrivers');
export const csiNodes = builtin<storage.CSINode>('storage.k8s.io', 'v1', 'csinodes');
export const volumeAttachments = builtin<storage.VolumeAttachment>('storage.k8s.io', 'v1', 'volumeattachments');
export const resourceClaims = builtin<devices.ResourceClaim>('resource.k8s.io', 'v1', 'resourceclaims');
export const resourceClaimTemplates = builtin<devices.ResourceClaimTemplate>(
  'resource.k8s.io',
  'v1',
  'resourceclaimtemplates',
);
export const roles = builtin<rbac.Role>('rbac.authorization.k8s.io', 'v1', 'roles');
export const roleBindings = builtin<rbac.RoleBinding>('rbac.authorization.k8s.io', 'v1', 'rolebindings');
export const clusterRoles = builtin<rbac.ClusterRole>('rbac.authorization.k8s.io', 'v1', 'clusterroles');
export const clusterRoleBindings = builtin<rbac.ClusterRoleBinding>(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterrolebindings',
);
export const certificateSigningRequests = builtin<certificates.CertificateSigningRequest>(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
);
