import type { NodeCondition } from '../../api/generated/core-v1.ts';

/** What the node's health is judged by. */
export interface Health {
  availableMemoryBytes: number;
  /** Free share of the file system of the Pods and of the images, 0 to 1. */
  availableDisk: number;
  processes: { used: number; max: number };
  /** Why the node cannot run Pods, if so. */
  problem: string | undefined;
}

/** Below this much free memory the node is under pressure (the kubelet's default eviction threshold). */
const leastMemoryBytes = 100 * 2 ** 20;
/** Below this free share of the disk; the default of single-machine distributions (k3s), the kubelet's 10 % suits servers. */
const leastDisk = 0.05;

interface Draft {
  type: string;
  bad: boolean;
  status: [good: string, bad: string];
  reason: [good: string, bad: string];
  message: [good: string, bad: string];
}

/** The node's conditions with the kubelet's reasons and messages (kubelet nodestatus/setters.go). Pure. */
export function nodeConditions(health: Health, previous: NodeCondition[], now: string): NodeCondition[] {
  const pressure = (type: string, bad: boolean, reason: [string, string], message: [string, string]): Draft => ({
    type,
    bad,
    status: ['False', 'True'],
    reason,
    message,
  });
  const { used, max } = health.processes;
  const drafts: Draft[] = [
    pressure(
      'MemoryPressure',
      health.availableMemoryBytes < leastMemoryBytes,
      ['KubeletHasSufficientMemory', 'KubeletHasInsufficientMemory'],
      ['kubelet has sufficient memory available', 'kubelet has insufficient memory available'],
    ),
    pressure(
      'DiskPressure',
      health.availableDisk < leastDisk,
      ['KubeletHasNoDiskPressure', 'KubeletHasDiskPressure'],
      ['kubelet has no disk pressure', 'kubelet has disk pressure'],
    ),
    pressure(
      'PIDPressure',
      max > 0 && used > max * 0.95,
      ['KubeletHasSufficientPID', 'KubeletHasInsufficientPID'],
      ['kubelet has sufficient PID available', 'kubelet has insufficient PID available'],
    ),
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
