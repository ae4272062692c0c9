import type { Container, PodSpec } from '../api/generated/core-v1.ts';
import { qosClassOf } from '../api/qos.ts';
import type { CgroupLimits } from '../linux/linux.ts';
import { wholeValue } from './quantity.ts';
import { podRequest } from './resources.ts';

/**
 * What the kernel is told of memory beside its limit, with cgroup v2 only (KEP-2570): from where on a container is slowed
 * down instead of killed, and what it is not asked to give back. Alpha in Kubernetes, so nothing without the gate MemoryQoS.
 */
export interface MemoryQos {
  /** How far between request and limit the slowing begins. */
  throttlingFactor: number;
  /** Whether requests are kept for those who made them (memoryReservationPolicy TieredReservation). */
  reserves: boolean;
}

type Protection = Pick<CgroupLimits, 'memoryMinBytes' | 'memoryLowBytes' | 'memoryHighBytes'>;

const pageBytes = 4096;

/** @param allocatableBytes what a container without a limit may grow to */
export function containerMemoryQos(
  spec: PodSpec,
  { resources: { requests, limits } = {} }: Container,
  qos: MemoryQos,
  allocatableBytes: number,
): Protection {
  const request = wholeValue(requests?.memory);
  const limit = wholeValue(limits?.memory);
  const most = limit || allocatableBytes;
  const slowed = Math.floor((request + (most - request) * qos.throttlingFactor) / pageBytes) * pageBytes;
  return {
    ...(qos.reserves && reservation(spec, request)),
    memoryHighBytes: request !== limit && slowed > request ? slowed : -1,
  };
}

export function podMemoryQos(spec: PodSpec, qos: MemoryQos): Protection {
  return qos.reserves ? reservation(spec, podRequest(spec, 'memory')) : {};
}

/** What the cgroups of all Pods and of the Burstable ones keep: a child's reservation counts within its parent's only. */
export function classMemoryQos(specs: PodSpec[], qos: MemoryQos): { all: Protection; burstable: Protection } {
  if (!qos.reserves) return { all: {}, burstable: {} };
  const sum = (name: string) =>
    specs.filter((spec) => qosClassOf(spec) === name).reduce((total, spec) => total + podRequest(spec, 'memory'), 0);
  const burstable = sum('Burstable');
  return { all: { memoryMinBytes: sum('Guaranteed') + burstable }, burstable: { memoryLowBytes: burstable } };
}

/** A Guaranteed Pod's memory is never taken, a Burstable one's only when there is no other way. */
function reservation(spec: PodSpec, bytes: number): Protection {
  const qos = qosClassOf(spec);
  return {
    memoryMinBytes: qos === 'Guaranteed' ? bytes : 0,
    memoryLowBytes: qos === 'Burstable' ? bytes : 0,
  };
}
