import type { KubeletConfiguration } from '../configuration.ts';
import { amountOf, type Signal } from '../eviction/thresholds.ts';
import type { Machine } from './machine.ts';

export interface Allocatable {
  /** CPUs. */
  cpu: number;
  /** Bytes. */
  memory: number;
  /** Bytes. */
  'ephemeral-storage': number;
}

/**
 * What Pods may ask for: what the machine has, less what is reserved for others, less what hard eviction thresholds keep
 * free (kubelet cm/node_container_manager_linux.go GetNodeAllocatableReservation). Pure.
 */
export function allocatable(machine: Machine, { reserved, thresholds }: KubeletConfiguration): Allocatable {
  const kept = (signal: Signal, capacity: number): number => {
    const hard = thresholds.find((threshold) => threshold.signal === signal && threshold.graceMs === 0);
    return hard ? amountOf(hard.value, capacity) : 0;
  };
  const left = (capacity: number, less: number) => Math.max(0, capacity - less);
  const { cpus, memoryBytes, diskBytes } = machine;
  return {
    cpu: left(cpus, reserved.cpu),
    memory: Math.floor(left(memoryBytes, reserved.memory + kept('memory.available', memoryBytes))),
    'ephemeral-storage': Math.floor(
      left(diskBytes, reserved['ephemeral-storage'] + kept('nodefs.available', diskBytes)),
    ),
  };
}

/** What all Pods together may use: what is reserved is kept from them by their cgroup; -1 where nothing is (enforceNodeAllocatable). */
export const podsMemory = ({ memoryBytes }: Machine, { reserved }: KubeletConfiguration): number =>
  reserved.memory > 0 ? Math.max(0, Math.floor(memoryBytes - reserved.memory)) : -1;
