import { setMaxListeners } from 'node:events';
import type { ResourceInfo } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { type MetricFamily, processMetrics } from '../base/metrics.ts';
import type { Store } from '../store/store.ts';
import type { Actions } from './actions.ts';
import { Admission } from './admission-chain.ts';
import type { Backend } from './backend.ts';
import { buildChain } from './chain.ts';
import type { ComponentChecks } from './component-statuses.ts';
import { CustomResources } from './custom-resources/custom-resources.ts';
import type { HealthCheck } from './endpoints/health.ts';
import { builtinPaths } from './endpoints/paths.ts';
import { RequestMetrics } from './endpoints/request-metrics.ts';
import type { Audit } from './filters/audit.ts';
import type { FlowControl } from './flow-control/flow-control.ts';
import { listSeats } from './flow-control/list-seats.ts';
import type { ServerRequest } from './http/exchange.ts';
import { type LocalTransport, localTransport } from './http/in-process.ts';
import { type ListenAddress, type Listener, openListener, type ServerTls } from './http/listener.ts';
import { cacheReader } from './reader.ts';
import type { AdmissionPlugin, Authenticator, Authorizer, ObjectReader, UserInfo } from './request.ts';
import { ServedResources } from './resources.ts';
import { type PathHandler, router } from './router.ts';
import { ServiceAllocation } from './services/service-allocation.ts';
import { ObjectWriter } from './storage/object-writer.ts';
import { WatchCache } from './storage/watch-cache.ts';
import type { KubeletCredentials } from './subresources/kubelet-connection.ts';
import { createWebhookClient, type WebhookClient } from './webhooks/webhook-client.ts';

export interface ApiServerOptions {
  store: Store;
  log: Logger;
  clock: Clock;
  /** Where to serve HTTPS. */
  listen: ListenAddress[];
  tls: ServerTls;
  /** How to reach kubelets. */
  kubelet?: KubeletCredentials;
  /** ClusterIPs are taken from here. */
  serviceCidr: string;
  /** @default { from: 30000, to: 32767 } */
  nodePortRange?: { from: number; to: number };
  /** What is older than this may be forgotten; 0: nothing (--etcd-compaction-interval). @default 300_000 */
  compactionIntervalMs?: number | undefined;
  /** Which of the built-in resources. @default all that are on by default */
  isServed?: ((info: ResourceInfo) => boolean) | undefined;
  /** Who may do what, and what else there is: made once there is something to read from. */
  plugins(core: ApiServerCore): ApiServerPlugins;
}

/** What plugins may use of the server that they become part of. */
export interface ApiServerCore {
  reader: ObjectReader;
  resources: ServedResources;
  webhooks: WebhookClient;
  kubelet: KubeletCredentials | undefined;
  /** Calls into the server; only once it has started. */
  transport(user: UserInfo): LocalTransport;
}

export interface ApiServerPlugins {
  authenticators: Authenticator[];
  authorizers: Authorizer[];
  admission: AdmissionPlugin[];
  /** Who waits when there are too many requests; nobody does without it. */
  flowControl?: FlowControl;
  /** Reviews and tokens: what answers a POST without storing it. */
  actions?: Actions;
  /** How the control plane's parts are. */
  components?: ComponentChecks;
  /** Paths beyond those of resources: discovery, OpenAPI, the JWKS. Asked in order. */
  paths?: PathHandler[];
  /** Called when the cache is filled, and before it is let go. */
  started?(): void;
  stopped?(): void;
  /** Called when the last request is answered. */
  ended?(): void | Promise<void>;
  /** More figures for /metrics. */
  moreMetrics?(): MetricFamily[];
  /** What must be well for /readyz, beyond the store. */
  checks?: HealthCheck[];
  /** Where requests are told of. */
  audit?: Audit | undefined;
}

export interface ApiServer {
  readonly reader: ObjectReader;
  readonly resources: ServedResources;
  /** Fills the cache and listens. */
  start(): Promise<void>;
  /** Listens at one more address, which may have come up after the start. */
  listen(address: ListenAddress): Promise<void>;
  /** Where it listens: the ports are real ones even if 0 was asked for. */
  addresses(): { host: string; port: number }[];
  /** Calls from within the process, as this user: the same chain, without TLS and copies. */
  transport(user: UserInfo): LocalTransport;
  /** Ends watches, lets other requests finish, stops listening. The store stays open: it is the caller's. */
  stop(): Promise<void>;
}

/** As whom the server changes what is its own. */
const itself: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

/** Puts the server together; nothing happens before start(). */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, clock } = options;
  const log = options.log;
  const cache = new WatchCache({ store, clock, log, compactionIntervalMs: options.compactionIntervalMs });
  const resources = new ServedResources(options.isServed ?? (({ offByDefault }) => !offByDefault));
  const reader = cacheReader(cache, resources);
  const shutdown = new AbortController();
  // Every watch listens to it.
  setMaxListeners(0, shutdown.signal);
  const transport = (user: UserInfo) => localTransport((request) => handle(request), user);
  const webhooks = createWebhookClient(reader);
  const plugins = options.plugins({ reader, resources, webhooks, kubelet: options.kubelet, transport });
  const metrics = new RequestMetrics((info) => {
    const served = resources.get(info);
    return served !== undefined && (!info.subresource || Object.hasOwn(served.info.subresources, info.subresource));
  });
  const allocation = new ServiceAllocation({
    serviceCidr: options.serviceCidr,
    nodePorts: options.nodePortRange ?? { from: 30000, to: 32767 },
  });
  const backend: Backend = {
    cache,
    writer: new ObjectWriter(store, cache),
    history: store,
    admission: new Admission(plugins.admission),
    allocation,
    kubelet: options.kubelet,
    actions: plugins.actions ?? {},
    components: plugins.components ?? new Map(),
    shutdown: shutdown.signal,
    clock,
    log,
    served: (info: Pick<ResourceInfo, 'group' | 'version' | 'resource'>) => resources.get(info),
  };
  const checks: HealthCheck[] = [
    { name: 'ping', check: async () => {} },
    { name: 'etcd', check: async () => void (await store.currentRevision()) },
    { name: 'watch-cache', check: async () => cache.requireHealthy() },
    { name: 'etcd-readiness', check: async () => void (await store.currentRevision()), readyOnly: true },
    { name: 'informer-sync', check: async () => cache.requireHealthy(), readyOnly: true },
    ...(plugins.checks ?? []),
  ];
  const measured = () => [
    ...metrics.families(),
    ...(plugins.flowControl?.metrics() ?? []),
    ...(plugins.moreMetrics?.() ?? []),
    storedObjects(resources, cache),
    ...processMetrics(),
  ];
  const paths = [
    ...(plugins.paths ?? []),
    builtinPaths({ checks, metrics: measured, served: () => resources.all(), shutdown: shutdown.signal }),
  ];
  const seatsOf = ({ info, query }: ServerRequest) => {
    const resource = resources.get(info);
    return resource ? listSeats(cache.resource(resource.prefix).size, Number(query.get('limit')) || 0) : 1;
  };
  const handle = buildChain(router(backend, paths), { log, clock, metrics, seatsOf, ...plugins });
  const custom = new CustomResources({
    cache,
    resources,
    webhooks,
    transport: transport(itself),
    clock,
    log: log.child('custom-resources'),
  });
  const listeners: Listener[] = [];
  const listen = async (address: ListenAddress) => {
    listeners.push(await openListener(address, options.tls, handle));
  };
  return {
    reader,
    resources,
    transport,
    async start() {
      await cache.start();
      allocation.follow(cache);
      await custom.follow();
      plugins.flowControl?.start();
      plugins.started?.();
      for (const address of options.listen) await listen(address);
    },
    listen,
    addresses: () => listeners.map(({ host, port }) => ({ host, port })),
    async stop() {
      // From here on /readyz says no, and watches end.
      shutdown.abort(new Error('the server is stopping'));
      plugins.flowControl?.stop();
      plugins.stopped?.();
      const busy = () => metrics.inFlight.mutating + metrics.inFlight.readOnly > 0;
      await Promise.all(listeners.map((listener) => listener.close(busy)));
      await plugins.ended?.();
      // Only now: who writes waits until the cache has seen it.
      custom.stop();
      cache.stop();
    },
  };
}

/** How many objects of each kind are there (apiserver pkg/storage/etcd3/metrics). */
function storedObjects(resources: ServedResources, cache: WatchCache): MetricFamily {
  const counts = new Map<string, number>();
  for (const info of resources.all()) {
    const size = cache.resource(resources.get(info)!.prefix).size;
    if (size > 0) counts.set(info.group ? `${info.resource}.${info.group}` : info.resource, size);
  }
  return {
    name: 'apiserver_storage_objects',
    help: '[DEPRECATED, consider using apiserver_resource_objects instead] Number of stored objects at the time of last check split by kind.',
    type: 'gauge',
    samples: [...counts].map(([resource, value]) => ({ labels: { resource }, value })),
  };
}
