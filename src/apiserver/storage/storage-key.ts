import type { ResourceInfo } from '../../api/resource.ts';

/** Where kube-apiserver keeps its keys in etcd (--etcd-prefix). */
export const registryRoot = '/registry/';

/** '/registry/pods/' or '/registry/apps/deployments/': all keys of one resource begin with it. */
export function storagePrefix(resource: Pick<ResourceInfo, 'group' | 'resource'>): string {
  const { group, resource: name } = stored(resource);
  return group ? `${registryRoot}${group}/${name}/` : `${registryRoot}${name}/`;
}

export function storageKey(prefix: string, namespace: string, name: string): string {
  return namespace ? `${prefix}${namespace}/${name}` : prefix + name;
}

/** The prefix of the resource that a key belongs to. */
export function storagePrefixOf(key: string): string {
  const first = key.indexOf('/', registryRoot.length);
  const segment = key.slice(registryRoot.length, first);
  const grouped = segment.includes('.') || dotlessGroups.has(segment);
  return key.slice(0, (grouped ? key.indexOf('/', first + 1) : first) + 1);
}

/** Groups without a dot are Kubernetes's own; no custom resource may use one. */
const dotlessGroups = new Set(['apps', 'autoscaling', 'batch', 'policy', 'extensions']);

/** Resources that are served in two groups are stored as one (kubernetes pkg/kubeapiserver/default_storage_factory_builder.go). */
function stored(resource: Pick<ResourceInfo, 'group' | 'resource'>): { group: string; resource: string } {
  if (resource.group === 'events.k8s.io') return { group: '', resource: 'events' };
  return resource;
}
