import type { Pod } from '../api/generated/core-v1.ts';
import { isStatic } from './static-pods/static-pod.ts';

/** scheduling.SystemCriticalPriority. */
export const systemCriticalPriority = 2_000_000_000;

/** Whether the node cannot do without the Pod: it is not evicted (kubelet types IsCriticalPod). */
export const isCritical = (pod: Pod): boolean => isStatic(pod) || (pod.spec.priority ?? 0) >= systemCriticalPriority;
