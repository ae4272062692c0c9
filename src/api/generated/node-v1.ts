// Written by tools/generate-api.ts; do not edit.
import type { KubeObject, Quantity } from '../object.ts';
import type { Toleration } from './core-v1.ts';
import type { ListMeta } from './meta-v1.ts';

export interface RuntimeClass extends KubeObject {
  handler: string;
  overhead?: Overhead;
  scheduling?: Scheduling;
}

export interface Overhead {
  podFixed?: Record<string, Quantity>;
}

export interface Scheduling {
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
}

export interface RuntimeClassList {
  kind?: string;
  apiVersion?: string;
  metadata?: ListMeta;
  items: RuntimeClass[];
}
