import type { ResourceInfo } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Store } from '../store/store.ts';
import type { Actions } from './actions.ts';
import type { Admission } from './admission-chain.ts';
import type { ComponentChecks } from './component-statuses.ts';
import type { ServerRequest } from './http/exchange.ts';
import type { Accepted } from './http/media-type.ts';
import type { ServiceAllocation } from './services/service-allocation.ts';
import type { ObjectWriter } from './storage/object-writer.ts';
import type { ResourceCache } from './storage/resource-cache.ts';
import type { WatchCache } from './storage/watch-cache.ts';
import type { ServedResource } from './strategy.ts';
import type { KubeletCredentials } from './subresources/kubelet-connection.ts';

/** What every verb works with. */
export interface Backend {
  cache: WatchCache;
  writer: ObjectWriter;
  /** Ranges of the past. */
  history: Pick<Store, 'range'>;
  admission: Admission;
  allocation: ServiceAllocation;
  /** For logs, exec and the like; undefined if there are no kubelets. */
  kubelet: KubeletCredentials | undefined;
  /** Resources that answer but store nothing. */
  actions: Actions;
  /** How the control plane's parts are. */
  components: ComponentChecks;
  /** Aborted when the server stops: watches end. */
  shutdown: AbortSignal;
  clock: Clock;
  log: Logger;
  /** The served form of a resource, for verbs that reach into others (eviction, proxy). */
  served(info: Pick<ResourceInfo, 'group' | 'version' | 'resource'>): ServedResource | undefined;
}

/** One request that has found its resource. */
export interface Call {
  backend: Backend;
  resource: ServedResource;
  request: ServerRequest;
  accepted: Accepted;
}

export function cacheOf(call: { backend: Backend; resource: ServedResource }): ResourceCache {
  return call.backend.cache.resource(call.resource.prefix);
}
