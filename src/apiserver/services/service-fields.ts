import type { Service, ServiceSpec } from '../../api/generated/core-v1.ts';

/** Whether a Service of this kind has a ClusterIP, 'None' included. */
export function needsClusterIp(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName';
}

export function needsNodePorts(spec: ServiceSpec): boolean {
  if (spec.type === 'NodePort') return true;
  return spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false;
}

export function needsHealthCheckPort(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

export const isHeadless = (spec: ServiceSpec) => spec.clusterIP === 'None';

/**
 * Before an update: what the user left out comes from the old object, and what the old type had and the new one does
 * not goes, unless the user changed it (pkg/registry/core/service/strategy.go PatchAllocatedValues,
 * dropTypeDependentFields).
 */
export function carryOver(service: Service, old: Service): void {
  const spec = service.spec!;
  const before = old.spec!;
  if (needsClusterIp(spec) && needsClusterIp(before)) {
    spec.clusterIP ||= before.clusterIP!;
    if (!spec.clusterIPs?.length && spec.clusterIP === before.clusterIP) spec.clusterIPs = before.clusterIPs!;
  }
  if (needsNodePorts(spec) && needsNodePorts(before)) carryNodePorts(spec, before);
  if (needsHealthCheckPort(spec) && needsHealthCheckPort(before)) {
    spec.healthCheckNodePort ||= before.healthCheckNodePort!;
  }
  dropForType(spec, before);
}

function carryNodePorts(spec: ServiceSpec, before: ServiceSpec): void {
  const known = new Map((before.ports ?? []).map((port) => [`${port.protocol}/${port.port}`, port.nodePort]));
  const used = new Set((spec.ports ?? []).map((port) => port.nodePort));
  for (const port of spec.ports ?? []) {
    const carried = known.get(`${port.protocol}/${port.port}`);
    if (!port.nodePort && carried && !used.has(carried)) port.nodePort = carried;
  }
}

function dropForType(spec: ServiceSpec, before: ServiceSpec): void {
  if (!needsClusterIp(spec) && needsClusterIp(before) && spec.clusterIP === before.clusterIP) {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) delete spec[field];
  }
  if (needsNodePorts(before) && !needsNodePorts(spec) && sameNodePorts(spec, before)) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (
    needsHealthCheckPort(before) &&
    !needsHealthCheckPort(spec) &&
    spec.healthCheckNodePort === before.healthCheckNodePort
  ) {
    delete spec.healthCheckNodePort;
  }
}

function sameNodePorts(spec: ServiceSpec, before: ServiceSpec): boolean {
  const known = new Set((before.ports ?? []).map((port) => port.nodePort));
  return (spec.ports ?? []).every((port) => !port.nodePort || known.has(port.nodePort));
}

/** clusterIP and clusterIPs say the same (normalizeClusterIPs). */
export function normalizeAddresses(spec: ServiceSpec, before: ServiceSpec | undefined): void {
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  else if (!before && !spec.clusterIP && spec.clusterIPs?.length) spec.clusterIP = spec.clusterIPs[0]!;
  else if (before && spec.clusterIP !== before.clusterIP && same(spec.clusterIPs, before.clusterIPs)) {
    if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
    else delete spec.clusterIPs;
  }
}

const same = (a: string[] | undefined, b: string[] | undefined) => (a ?? []).join() === (b ?? []).join();
