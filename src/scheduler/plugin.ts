import type { Pod } from '../api/generated/core-v1.ts';
import type { NodeInfo } from './cluster-snapshot.ts';

/** What rules may look at beside the node. */
export interface SchedulingContext {
  nodes: NodeInfo[];
  namespaceLabels(namespace: string): Record<string, string>;
}

/**
 * One scheduling rule (kubernetes pkg/scheduler/framework). All functions are pure. `prepare` runs once per Pod; what it
 * returns is handed to filter and score for each node.
 */
export interface Plugin<State = unknown> {
  name: string;
  prepare?(pod: Pod, context: SchedulingContext): State;
  /** Reasons why the Pod does not fit, in kube-scheduler's words; none when it fits. */
  filter?(pod: Pod, info: NodeInfo, state: State): string[];
  /** Whether removing other Pods could help against what `filter` said. @default true */
  preemptionHelps?: boolean;
  /** The higher the better; normalised to 0–100 over all nodes. */
  score?(pod: Pod, info: NodeInfo, state: State): number;
  /** How scores become 0–100: 'absolute' when they already are. @default max */
  normalise?: 'max' | 'reverse' | 'absolute';
  /** @default 1 */
  weight?: number;
}
