// Written by tools/generate-api.ts; do not edit.
import type { KubeObject } from '../object.ts';
import type { ListMeta } from './meta-v1.ts';

export interface Lease extends KubeObject {
  spec: LeaseSpec;
}

export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
  strategy?: string;
  preferredHolder?: string;
}

export interface LeaseList {
  kind?: string;
  apiVersion?: string;
  metadata?: ListMeta;
  items: Lease[];
}
