import type { NodeCondition } from '../../api/generated/core-v1.ts';
import type { Pressure } from '../eviction/thresholds.ts';

/** What the node's health is judged by. */
export interface Health {
  /** What the node is short of. */
  pressures: readonly Pressure[];
  /** Which limits of the kernel are near, if any. */
  limits: string | undefined;
  /** Why the node cannot run Pods, if so. */
  problem: string | undefined;
}

interface Draft {
  type: string;
  bad: boolean;
  status: [good: string, bad: string];
  reason: [good: string, bad: string];
  message: [good: string, bad: string];
}

/** The node's conditions with the kubelet's reasons and messages (kubelet nodestatus/setters.go). Pure. */
export function nodeConditions(health: Health, previous: NodeCondition[], now: string): NodeCondition[] {
  const pressure = (type: Pressure, reason: [string, string], message: [string, string]): Draft => ({
    type,
    bad: health.pressures.includes(type),
    status: ['False', 'True'],
    reason,
    message,
  });
  const drafts: Draft[] = [
    pressure(
      'MemoryPressure',
      ['KubeletHasSufficientMemory', 'KubeletHasInsufficientMemory'],
      ['kubelet has sufficient memory available', 'kubelet has insufficient memory available'],
    ),
    pressure(
      'DiskPressure',
      ['KubeletHasNoDiskPressure', 'KubeletHasDiskPressure'],
      ['kubelet has no disk pressure', 'kubelet has disk pressure'],
    ),
    pressure(
      'PIDPressure',
      ['KubeletHasSufficientPID', 'KubeletHasInsufficientPID'],
      ['kubelet has sufficient PID available', 'kubelet has insufficient PID available'],
    ),
    {
      type: 'KernelLimitsNear',
      bad: health.limits !== undefined,
      status: ['False', 'True'],
      reason: ['KernelHasRoom', 'KernelLimitsNear'],
      message: ['files, processes, inotify, neighbours and connections are below their limits', health.limits ?? ''],
    },
    {
      type: 'Ready',
      bad: health.problem !== undefined,
      status: ['True', 'False'],
      reason: ['KubeletReady', 'KubeletNotReady'],
      message: ['kubelet is posting ready status', health.problem ?? ''],
    },
  ];
  const own = new Set(drafts.map(({ type }) => type));
  const made = drafts.map(({ type, bad, status, reason, message }) => {
    const index = bad ? 1 : 0;
    const before = previous.find((condition) => condition.type === type);
    const same = before?.status === status[index];
    return {
      type,
      status: status[index],
      lastHeartbeatTime: now,
      lastTransitionTime: (same && before.lastTransitionTime) || now,
      reason: reason[index],
      message: message[index],
    };
  });
  return [...previous.filter(({ type }) => !own.has(type)), ...made];
}
