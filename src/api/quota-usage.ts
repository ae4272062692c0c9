import type { PersistentVolumeClaim, Pod, ResourceQuotaSpec, Service } from './generated/core-v1.ts';
import type { KubeObject } from './object.ts';
import { podResources, type ResourceList } from './pod-resources.ts';
import { podQosClass } from './qos.ts';
import type { ResourceInfo } from './resource.ts';

/** What one object counts for (pkg/quota/v1/evaluator/core). Empty when it counts for nothing. */
export function quotaUsage(resource: ResourceInfo, object: KubeObject): ResourceList {
  const count = { [countName(resource)]: '1' };
  if (resource.group !== '') return count;
  switch (resource.resource) {
    case 'pods':
      return podUsage(object as Pod);
    case 'services':
      return { ...count, ...serviceUsage(object as Service) };
    case 'persistentvolumeclaims':
      return { ...count, ...claimUsage(object as PersistentVolumeClaim) };
    case 'configmaps':
    case 'secrets':
    case 'replicationcontrollers':
    case 'resourcequotas':
      return { ...count, [resource.resource]: '1' };
    default:
      return count;
  }
}

/** 'count/deployments.apps' */
export function countName({ group, resource }: ResourceInfo): string {
  return group ? `count/${resource}.${group}` : `count/${resource}`;
}

function podUsage(pod: Pod): ResourceList {
  const { phase } = pod.status ?? {};
  const objectCount = { 'count/pods': '1' };
  if (!pod.spec || phase === 'Succeeded' || phase === 'Failed') return objectCount;
  const usage: ResourceList = { ...objectCount, pods: '1' };
  for (const [name, quantity] of Object.entries(podResources(pod.spec, 'requests'))) {
    usage[`requests.${name}`] = quantity;
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')) usage[name] = quantity;
  }
  for (const [name, quantity] of Object.entries(podResources(pod.spec, 'limits'))) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name)) usage[`limits.${name}`] = quantity;
  }
  return usage;
}

function serviceUsage({ spec }: Service): ResourceList {
  const usage: ResourceList = { services: '1' };
  const ports = spec?.ports?.length ?? 0;
  if (spec?.type === 'NodePort') usage['services.nodeports'] = `${ports}`;
  if (spec?.type === 'LoadBalancer') {
    usage['services.loadbalancers'] = '1';
    usage['services.nodeports'] = spec.allocateLoadBalancerNodePorts === false ? '0' : `${ports}`;
  }
  return usage;
}

function claimUsage({ spec }: PersistentVolumeClaim): ResourceList {
  const storage = spec?.resources?.requests?.storage;
  const usage: ResourceList = { persistentvolumeclaims: '1', ...(storage ? { 'requests.storage': storage } : {}) };
  if (!spec?.storageClassName) return usage;
  const prefix = `${spec.storageClassName}.storageclass.storage.k8s.io`;
  usage[`${prefix}/persistentvolumeclaims`] = '1';
  if (storage) usage[`${prefix}/requests.storage`] = storage;
  return usage;
}

/** Compute resources that a Pod must name when a quota limits them; the others count as nothing when absent. */
const required = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);

/** The limited resources that some container of the Pod does not mention (evaluator/core/pods.go Constraints). */
export function unspecified(pod: Pod, limited: string[]): Map<string, string[]> {
  const missing = new Map<string, string[]>();
  for (const container of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
    for (const name of limited.filter((one) => required.has(one))) {
      const [kind, resource] = name.includes('.') ? name.split('.') : ['requests', name];
      const list = kind === 'limits' ? container.resources?.limits : container.resources?.requests;
      if (list?.[resource!] === undefined && pod.spec?.resources === undefined) {
        missing.set(name, [...(missing.get(name) ?? []), container.name]);
      }
    }
  }
  return missing;
}

/** Whether a quota with scopes counts this object; scopes concern Pods only, but for volume attributes. */
export function inScope(spec: ResourceQuotaSpec | undefined, resource: ResourceInfo, object: KubeObject): boolean {
  const requirements = [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: [] as string[] })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
  if (requirements.length === 0) return true;
  if (resource.group !== '' || resource.resource !== 'pods') return false;
  return requirements.every((requirement) => podInScope(object as Pod, requirement));
}

function podInScope(
  pod: Pod,
  { scopeName, operator, values = [] }: { scopeName: string; operator: string; values?: string[] },
): boolean {
  switch (scopeName) {
    case 'Terminating':
      return (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
    case 'NotTerminating':
      return (pod.spec?.activeDeadlineSeconds ?? -1) < 0;
    case 'BestEffort':
      return podQosClass(pod) === 'BestEffort';
    case 'NotBestEffort':
      return podQosClass(pod) !== 'BestEffort';
    case 'PriorityClass': {
      const name = pod.spec?.priorityClassName ?? '';
      if (operator === 'Exists') return name !== '';
      if (operator === 'DoesNotExist') return name === '';
      return operator === 'In' ? values.includes(name) : !values.includes(name);
    }
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

function crossesNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
  ]);
  return terms.some((term) => term.namespaces?.length || term.namespaceSelector);
}
