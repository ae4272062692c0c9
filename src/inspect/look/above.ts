import type { KubeObject } from '../../api/object.ts';
import { type Container, type PodEntry, type Process, type Snapshot, servicesOf } from '../snapshot.ts';
import type { LookNode } from './look.ts';

const step = (type: string, text: string): LookNode => ({ type, text, children: [] });

/** What a process belongs to: Services, owners, Pod and container; or package, unit, the cluster it serves. */
export function above(process: Process, snapshot: Snapshot): LookNode[] {
  const container = process.container ?? process.watches;
  if (container) {
    const watched = process.container ? [] : [step('container', 'watches it from outside, as its monitor')];
    return [...containerSteps(container, snapshot), containerStep(container), ...watched];
  }
  if (process.role === 'vitrine') return [step('cluster', process.cmdline[0] ?? 'vitrine')];
  return [
    ...(process.package ? [step('package', process.package)] : []),
    ...(process.unit ? [step('unit', `unit ${process.unit}`)] : []),
  ];
}

export function containerStep(container: Container): LookNode {
  const { name, id, runtime, image } = container;
  return step('container', `container ${name ?? id.slice(0, 12)} (${runtime}${image ? `, ${image}` : ''})`);
}

/** From the Services down to the Pod. */
export function containerSteps(container: Container, snapshot: Snapshot): LookNode[] {
  if (container.pod) return podSteps(container.pod, snapshot, true);
  if (container.podUid) return [step('pod', `Pod with uid ${container.podUid} (its cluster was not asked)`)];
  return [];
}

export function podSteps(pod: PodEntry, { objects }: Snapshot, withPod: boolean): LookNode[] {
  const services = servicesOf(pod, objects);
  return [
    ...services.map((service) => objectStep({ ...service, kind: 'Service' })),
    ...[...pod.owners].reverse().map(objectStep),
    ...(withPod
      ? [step('object', `Pod ${pod.namespace}/${pod.name} (${pod.object.status?.podIP ?? 'no address'})`)]
      : []),
  ];
}

export function objectStep({ kind, metadata }: KubeObject): LookNode {
  return step('object', `${kind} ${metadata.namespace ? `${metadata.namespace}/` : ''}${metadata.name}`);
}
