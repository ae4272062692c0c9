import type { Pod, Service } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { services } from '../../api/resource.ts';
import type { InformerFactory } from '../../client/informer.ts';

/** Which Services select which Pods. */
export interface ServicePods {
  /** Whether the Service's endpoints are ours to keep: it has a selector and is no alias. */
  isManaged(service: Service): boolean;
  podsOf(service: Service, pods: Pod[]): Pod[];
  /** Keys of the Services that select the Pod, or did before the change. */
  keysFor(pod: Pod, previous?: Pod): string[];
}

export function createServicePods(informers: InformerFactory): ServicePods {
  const all = informers.informer(services);
  const selects = (service: Service, pod: Pod) => {
    const labels = pod.metadata.labels ?? {};
    return Object.entries(service.spec.selector ?? {}).every(([name, value]) => labels[name] === value);
  };
  const isManaged = ({ spec }: Service) => Object.keys(spec.selector ?? {}).length > 0 && spec.type !== 'ExternalName';
  return {
    isManaged,
    podsOf: (service, pods) => pods.filter((pod) => selects(service, pod)),
    keysFor: (pod, previous) => {
      if (previous && !matters(pod, previous)) return [];
      return all
        .list(pod.metadata.namespace)
        .filter((service) => isManaged(service) && (selects(service, pod) || (previous && selects(service, previous))))
        .map(keyOf);
    },
  };
}

/** Whether a change of a Pod can change an endpoint: most status writes do not (podChanged in endpointslice utils). */
function matters(pod: Pod, previous: Pod): boolean {
  const ready = (one: Pod) => one.status?.conditions?.find((condition) => condition.type === 'Ready')?.status;
  return (
    pod.status?.podIP !== previous.status?.podIP ||
    pod.status?.phase !== previous.status?.phase ||
    ready(pod) !== ready(previous) ||
    !pod.metadata.deletionTimestamp !== !previous.metadata.deletionTimestamp ||
    pod.spec.nodeName !== previous.spec.nodeName ||
    JSON.stringify(pod.metadata.labels) !== JSON.stringify(previous.metadata.labels)
  );
}
