// Written by tools/generate-api.ts; do not edit.
import type { KubeObject } from '../object.ts';
import type { ListMeta } from './meta-v1.ts';

export interface PriorityClass extends KubeObject {
  value?: number;
  globalDefault?: boolean;
  description?: string;
  preemptionPolicy?: 'PreemptLowerPriority' | 'Never';
}

export interface PriorityClassList {
  kind?: string;
  apiVersion?: string;
  metadata?: ListMeta;
  items: PriorityClass[];
}
