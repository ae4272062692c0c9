import type { KubeObject } from '../../api/object.ts';
import type { ServedResource } from '../strategy.ts';

/** Addresses and ports of Services. */
export class ServiceAllocation {
  allocate(_resource: ServedResource, _object: KubeObject, _old: KubeObject | undefined): () => void {
    return () => {};
  }
}
