import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../src/api/generated/apps-v1.ts';
import type { Job } from '../src/api/generated/batch-v1.ts';
import type { Node, Pod, Service } from '../src/api/generated/core-v1.ts';
import type { KubeObject } from '../src/api/object.ts';
import { describeLoadBalancer, describePorts } from '../src/inspect/describe-service.ts';
import { podPhase } from '../src/inspect/pod-phase.ts';
import type { Style } from './style.ts';

/** An object in one line: what it is, and the few facts that one looks for first. */
export function describeObject(object: KubeObject, style: Style): string {
  const { name, namespace } = object.metadata;
  const title = namespace === undefined || namespace === 'default' ? name : `${namespace}/${name}`;
  const facts = factsOf(object, style);
  return `${style.kind(object.kind)} ${style.name(title)}${facts.length > 0 ? `   ${facts.join(', ')}` : ''}`;
}

function factsOf(object: KubeObject, style: Style): string[] {
  switch (object.kind) {
    case 'Service':
      return serviceFacts(object as Service);
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet': {
      const { spec, status } = object as Deployment | ReplicaSet | StatefulSet;
      return [readiness(status?.readyReplicas, spec?.replicas ?? 1, style)];
    }
    case 'DaemonSet': {
      const { status } = object as DaemonSet;
      return [readiness(status?.numberReady, status?.desiredNumberScheduled ?? 0, style)];
    }
    case 'Job': {
      const { status } = object as Job;
      return [`${status?.active ?? 0} active, ${status?.succeeded ?? 0} succeeded, ${status?.failed ?? 0} failed`];
    }
    case 'Node': {
      const ready = (object as Node).status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
      return [ready ? style.good('Ready') : style.bad('NotReady')];
    }
    case 'Pod':
      return podFacts(object as Pod, style);
    default:
      return [];
  }
}

function readiness(ready = 0, wanted: number, style: Style): string {
  return (ready >= wanted ? style.good : style.warn)(`${ready}/${wanted} ready`);
}

function serviceFacts(service: Service): string[] {
  const { spec } = service;
  const addresses = [...(spec.clusterIPs ?? [spec.clusterIP ?? 'None'])].map((ip) =>
    ip === 'None' ? 'headless' : `ClusterIP ${ip}`,
  );
  if (spec.type === 'LoadBalancer') addresses.unshift(`address ${describeLoadBalancer(service)}`);
  if (spec.type === 'ExternalName') return ['ExternalName', spec.externalName ?? ''];
  const ports = describePorts(service).map((port) => `port ${port}`);
  const type = spec.type && spec.type !== 'ClusterIP' ? [spec.type] : [];
  return [...type, ...addresses, ...ports];
}

function podFacts(pod: Pod, style: Style): string[] {
  const phase = podPhase(pod);
  const paint = phase === 'Running' || phase === 'Succeeded' || phase === 'Completed' ? style.good : style.warn;
  const { podIP } = pod.status ?? {};
  return [paint(phase), ...(podIP ? [podIP] : []), ...(pod.spec.nodeName ? [`node ${pod.spec.nodeName}`] : [])];
}
