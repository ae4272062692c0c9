import type { Container, Pod, PodSpec, ResourceRequirements } from '../../api/generated/core-v1.ts';
import { compareQuantities } from '../../api/quantity.ts';

/** What the node has promised to a Pod and its containers; the spec may ask for something else by now (KEP-1287). */
export interface Allocation {
  pod: ResourceRequirements | undefined;
  /** By container name. */
  containers: Record<string, ResourceRequirements | undefined>;
}

/** All that the spec asks for. */
export function allocationOf(spec: PodSpec): Allocation {
  return {
    pod: spec.resources,
    containers: Object.fromEntries(resizable(spec).map(({ name, resources }) => [name, resources])),
  };
}

/** What the API was last told of: the node may have gone down while it was asked for something else. */
export function allocationFromStatus({ spec, status = {} }: Pod): Allocation {
  const statuses = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  const told = ({ name, resources }: Container) => {
    const found = statuses.find((one) => one.name === name);
    if (!found?.resources) return resources;
    const { limits, requests } = found.resources;
    return {
      ...(limits && { limits }),
      ...((found.allocatedResources ?? requests) && { requests: found.allocatedResources ?? requests }),
    };
  };
  return {
    pod: status.resources ?? spec.resources,
    containers: Object.fromEntries(resizable(spec).map((container) => [container.name, told(container)])),
  };
}

/** The spec with what was promised in the place of what is asked for. */
export function allocatedSpec(spec: PodSpec, { pod, containers }: Allocation): PodSpec {
  const sized = (list: Container[]) =>
    list.map((container) =>
      container.name in containers ? { ...container, resources: containers[container.name] } : container,
    );
  return {
    ...spec,
    ...(pod && { resources: pod }),
    containers: sized(spec.containers),
    ...(spec.initContainers && { initContainers: sized(spec.initContainers) }),
  };
}

/** Whether the spec asks for just what was promised. */
export function isAllocated(spec: PodSpec, allocation: Allocation): boolean {
  return (
    sameResources(spec.resources, allocation.pod) &&
    resizable(spec).every(({ name, resources }) => sameResources(resources, allocation.containers[name]))
  );
}

export function sameResources(a: ResourceRequirements = {}, b: ResourceRequirements = {}): boolean {
  return sameList(a.requests, b.requests) && sameList(a.limits, b.limits);
}

/** Names of the resources that differ. */
export function changedResources(a: ResourceRequirements = {}, b: ResourceRequirements = {}): string[] {
  const names = [a.requests, a.limits, b.requests, b.limits].flatMap((list) => Object.keys(list ?? {}));
  const only = (name: string, from: ResourceRequirements) => [from.requests?.[name], from.limits?.[name]];
  return [...new Set(names)].filter((name) => {
    const [before, after] = [only(name, a), only(name, b)];
    return before.some((value, i) => !sameQuantity(value, after[i]));
  });
}

const resizable = ({ containers, initContainers = [] }: PodSpec): Container[] => [...containers, ...initContainers];

function sameList(a: Record<string, string> = {}, b: Record<string, string> = {}): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => sameQuantity(a[name], b[name]));
}

function sameQuantity(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a === b || compareQuantities(a, b) === 0;
}
