import type { Container, Pod, ResourceFieldSelector } from '../../api/generated/core-v1.ts';
import { quantityValue } from '../quantity.ts';

/** Values of a Pod that its spec does not hold. */
export interface PodFacts {
  podIPs: string[];
  hostIP: string;
  nodeName: string;
  /** What the node has to give: the limit of containers without one. */
  allocatable: { cpu: number; memory: number; 'ephemeral-storage': number };
}

/** The value of a downward API field (kubelet_pods.go podFieldSelectorRuntimeValue, pkg/fieldpath). */
export function fieldValue(pod: Pod, fieldPath: string, facts: PodFacts): string {
  const { metadata, spec } = pod;
  const entry = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (entry) return metadata[entry[1] as 'labels' | 'annotations']?.[entry[2]!] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? facts.nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIP;
    case 'status.podIP':
      return facts.podIPs[0] ?? '';
    case 'status.podIPs':
      return facts.podIPs.join(',');
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** key="value" lines, sorted by key, values quoted as Go's %q does (pkg/fieldpath FormatMap). */
export function formatMap(map: Record<string, string> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

/** The value of a resource of a container, in units of the divisor, rounded up (pkg/api/v1/resource ExtractContainerResourceValue). */
export function resourceFieldValue(container: Container, selector: ResourceFieldSelector, facts: PodFacts): string {
  const [which, ...rest] = selector.resource.split('.');
  const name = rest.join('.');
  const { limits = {}, requests = {} } = container.resources ?? {};
  if (which !== 'limits' && which !== 'requests')
    throw new Error(`unsupported container resource : ${selector.resource}`);
  const divisor = quantityValue(selector.divisor) || 1;
  const own = which === 'limits' ? limits[name] : requests[name];
  const allocatable = facts.allocatable[name as keyof PodFacts['allocatable']] ?? 0;
  const value = own !== undefined ? quantityValue(own) : which === 'limits' ? allocatable : 0;
  return String(Math.ceil(Number((value / divisor).toPrecision(15))));
}
