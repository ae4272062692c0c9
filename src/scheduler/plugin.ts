import type { Pod } from '../api/generated/core-v1.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import type { NodeInfo } from './cluster-snapshot.ts';

/** What rules may look at beside the node. */
export interface SchedulingContext {
  nodes: NodeInfo[];
  namespaceLabels(namespace: string): Record<string, string>;
  objects: ClusterObjects;
  /** Pods that wait for victims of theirs to leave this node. */
  nominated(node: string): Pod[];
}

/**
 * One scheduling rule (kubernetes pkg/scheduler/framework). All functions are pure. `prepare` runs once per Pod; what it
 * returns is handed to filter and score for each node.
 */
export interface Plugin<State = unknown> {
  name: string;
  /** Why the Pod fits on no node at all; undefined when that depends on the node (PreFilter). */
  refuse?(pod: Pod, context: SchedulingContext): string | undefined;
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
