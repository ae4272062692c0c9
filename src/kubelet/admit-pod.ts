import type { Node, Pod } from '../api/generated/core-v1.ts';
import { matchesNodeAffinity } from '../api/node-selector.ts';
import { qosClassOf } from '../api/qos.ts';
import { tolerates } from '../api/tolerations.ts';
import { wantsAppArmor } from './app-armor.ts';
import { isCritical } from './critical-pod.ts';
import { evictedReason } from './eviction/messages.ts';
import type { Pressure } from './eviction/thresholds.ts';
import type { PodFailure } from './pod-record.ts';
import { quantityValue } from './quantity.ts';
import { podRequest } from './resources.ts';
import { forbiddenSysctl } from './sysctls.ts';

/** What a node has promised to its other Pods. */
export interface NodeUse {
  pods: Pod[];
  node: Pick<Node, 'metadata' | 'status'>;
  /** What the node is short of. */
  pressures?: readonly Pressure[];
  /** What the node allows beside the safe sysctls. */
  allowedUnsafeSysctls?: readonly string[];
  shuttingDown?: boolean;
  /** Why this kernel enforces no AppArmor profiles; undefined if it does. */
  withoutAppArmor?: string;
}

/**
 * The kubelet's own check of a Pod that was bound to it (lifecycle/predicate.go): the scheduler may have been passed by,
 * or have decided on old news. Undefined if the Pod may run. Pure.
 */
export function admitPod(
  pod: Pod,
  { pods, node, pressures = [], allowedUnsafeSysctls, withoutAppArmor, shuttingDown }: NodeUse,
): PodFailure | undefined {
  if (shuttingDown) return rejected('NodeShutdown', 'Pod was rejected as the node is shutting down.');
  if (!bears(pod, pressures)) return rejected(evictedReason, `The node had condition: [${pressures.join(' ')}]. `);
  const allocatable = node.status?.allocatable ?? {};
  const room = Number(allocatable.pods ?? 0);
  if (room && pods.length + 1 > room)
    return rejected(
      'OutOfpods',
      `Node didn't have enough resource: pods, requested: 1, used: ${pods.length}, capacity: ${room}`,
    );
  const lack = shortage(pod, { pods, node });
  if (lack) return rejected(`OutOf${lack.name}`, lack.message);
  const forbidden = forbiddenSysctl(pod.spec, allowedUnsafeSysctls);
  if (forbidden) return rejected('SysctlForbidden', forbidden);
  if (withoutAppArmor && wantsAppArmor(pod)) return rejected('AppArmor', `Cannot enforce AppArmor: ${withoutAppArmor}`);
  if (!matchesNodeAffinity(pod, { apiVersion: 'v1', kind: 'Node', spec: {}, ...node }))
    return rejected('NodeAffinity', "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
  const taken = pods.flatMap(hostPorts);
  if (hostPorts(pod).some((port) => taken.some((other) => conflict(port, other))))
    return rejected(
      'NodePorts',
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    );
  return undefined;
}

/** Whether a Pod may start on a node that is short of something (eviction_manager.go Admit). */
function bears(pod: Pod, pressures: readonly Pressure[]): boolean {
  const { spec } = pod;
  if (pressures.length === 0 || isCritical(pod)) return true;
  if (pressures.some((pressure) => pressure !== 'MemoryPressure')) return false;
  const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' } as const;
  return qosClassOf(spec) !== 'BestEffort' || tolerates(spec.tolerations, taint);
}

/** What the node has too little of beside what it has promised to others. */
export function shortage(pod: Pod, { pods, node }: NodeUse): { name: string; message: string } | undefined {
  const allocatable = node.status?.allocatable ?? {};
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const requested = podRequest(pod.spec, name);
    const capacity = Math.floor(quantityValue(allocatable[name]) * (name === 'cpu' ? 1000 : 1));
    if (requested === 0 || !allocatable[name]) continue;
    const used = pods.reduce((sum, other) => sum + podRequest(other.spec, name), 0);
    if (used + requested <= capacity) continue;
    const amounts = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
    return { name, message: `Node didn't have enough resource: ${name}, ${amounts}` };
  }
  return undefined;
}

const rejected = (reason: string, why: string): PodFailure => ({ reason, message: `Pod was rejected: ${why}` });

interface UsedPort {
  hostPort?: number;
  protocol?: string;
  hostIP?: string;
}

function hostPorts(pod: Pod): UsedPort[] {
  const ports = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap(
    (container) => container.ports ?? [],
  );
  return ports.filter(({ hostPort }) => hostPort);
}

/** A port of all addresses is also one of each. */
function conflict(a: UsedPort, b: UsedPort): boolean {
  const [ofA, ofB] = [a, b].map(({ hostIP }) => hostIP || '0.0.0.0');
  const overlap = ofA === ofB || ofA === '0.0.0.0' || ofB === '0.0.0.0';
  return overlap && a.hostPort === b.hostPort && (a.protocol ?? 'TCP') === (b.protocol ?? 'TCP');
}
