import type { ContainerPort, Pod, Service } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointPort } from '../../api/generated/discovery-v1.ts';
import { isReady, isTerminated } from '../pod-state.ts';

/** What a Service's Pods look like as endpoints (kubernetes staging/src/k8s.io/endpointslice/utils.go). Pure. */

export interface PodEndpoint {
  pod: Pod;
  endpoint: Endpoint;
  /** The Service's ports as this Pod serves them; named target ports may differ from Pod to Pod. */
  ports: EndpointPort[];
}

export function isHeadless(service: Service): boolean {
  return service.spec.clusterIP === 'None';
}

/** An endpoint for each Pod that has an address and has not finished. */
export function podEndpoints(service: Service, pods: Pod[]): PodEndpoint[] {
  return pods
    .filter((pod) => pod.status?.podIP && !isTerminated(pod))
    .map((pod) => ({ pod, endpoint: endpointOf(service, pod), ports: portsOf(service, pod) }));
}

function endpointOf(service: Service, pod: Pod): Endpoint {
  const serving = isReady(pod);
  const terminating = !!pod.metadata.deletionTimestamp;
  const ready = service.spec.publishNotReadyAddresses || (serving && !terminating);
  const named = pod.spec.hostname && pod.spec.subdomain === service.metadata.name;
  return {
    addresses: [pod.status?.podIP as string],
    conditions: { ready: !!ready, serving, terminating },
    ...(named ? { hostname: pod.spec.hostname } : {}),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
  };
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPort(pod, port.targetPort ?? port.port, port.protocol ?? 'TCP');
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
      },
    ];
  });
}

/** A number as it is; a name by the container port of that name and protocol (podutil.FindPort). */
function targetPort(pod: Pod, target: number | string, protocol: string): number | undefined {
  if (typeof target === 'number') return target;
  const matches = (port: ContainerPort) => port.name === target && (port.protocol ?? 'TCP') === protocol;
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    const found = container.ports?.find(matches);
    if (found) return found.containerPort;
  }
  return undefined;
}
