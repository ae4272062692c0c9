import http from 'node:http';
import { getSystemErrorMessage } from 'node:util';
import type { Service } from '../api/generated/core-v1.ts';
import { keyOf } from '../api/object.ts';
import { services } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Informer, InformerFactory } from '../client/informer.ts';
import { localReadyAddresses } from './select-endpoints.ts';
import { SliceIndex } from './slice-index.ts';

export interface ServiceHealthOptions {
  informers: InformerFactory;
  events: EventRecorder;
  nodeName: string;
  clock: Clock;
  log: Logger;
}

interface Check {
  port: number;
  /** Ready endpoints of the Service on this node. */
  localEndpoints: number;
  server: http.Server;
  /** Ends the wait for a port that another program has. */
  cancel(): void;
}

/** How often a port that is taken is tried again: kube-proxy's --iptables-sync-period. */
const retryMs = 30_000;

/**
 * Tells load balancers whether this node has endpoints of a Service with externalTrafficPolicy Local: on the Service's
 * healthCheckNodePort, in the words of kube-proxy (pkg/proxy/healthcheck/service_health.go).
 */
export class ServiceHealth {
  readonly #options: ServiceHealthOptions;
  readonly #services: Informer<Service>;
  /** By key of the Service; each listens, or waits to. */
  readonly #checks = new Map<string, Check>();
  /** Set while started. */
  #slices: SliceIndex | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: ServiceHealthOptions) {
    this.#options = options;
    this.#services = options.informers.informer(services);
  }

  start(): void {
    const changed = (key: string) => this.#update(key);
    this.#slices = new SliceIndex(this.#options.informers, changed);
    this.#unsubscribe = this.#services.on({
      added: (service) => changed(keyOf(service)),
      updated: (service) => changed(keyOf(service)),
      deleted: (service) => changed(keyOf(service)),
    });
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#slices?.close();
    for (const key of [...this.#checks.keys()]) this.#close(key);
  }

  #update(key: string): void {
    const service = this.#services.get(key);
    const port = service && checkPort(service);
    if (this.#checks.get(key)?.port !== port) this.#close(key);
    if (port === undefined) return;
    const localEndpoints = localReadyAddresses(this.#slices?.of(key) ?? [], this.#options.nodeName).size;
    const check = this.#checks.get(key);
    if (check) check.localEndpoints = localEndpoints;
    else this.#open(key, port, localEndpoints);
  }

  #open(key: string, port: number, localEndpoints: number): void {
    const [namespace = '', name = ''] = key.split('/');
    const { clock, log } = this.#options;
    const check: Check = { port, localEndpoints, server: http.createServer(), cancel: () => {} };
    const listen = () => check.server.listen(port, '0.0.0.0');
    check.server.on('request', (_request, response) => answer(response, { namespace, name }, check.localEndpoints));
    check.server.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#checks.get(key) !== check) return;
      this.#tell(key, port, error);
      log.warn('cannot tell of the health of a Service', { service: key, port, error });
      check.cancel = clock.after(retryMs, listen);
    });
    this.#checks.set(key, check);
    listen();
  }

  #tell(key: string, port: number, { errno = 0 }: NodeJS.ErrnoException): void {
    const { events, nodeName } = this.#options;
    const service = this.#services.get(key);
    const cause = `listen tcp 0.0.0.0:${port}: bind: ${getSystemErrorMessage(errno)}`;
    const message = `node ${nodeName} failed to start healthcheck "${key}" on port ${port}: ${cause}`;
    if (service) events.event(service, 'Warning', 'FailedToStartServiceHealthcheck', message);
  }

  #close(key: string): void {
    const check = this.#checks.get(key);
    this.#checks.delete(key);
    check?.cancel();
    check?.server.closeAllConnections();
    check?.server.close();
  }
}

function checkPort({ spec }: Service): number | undefined {
  const needed = spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
  return (needed && spec.healthCheckNodePort) || undefined;
}

function answer(
  response: http.ServerResponse,
  service: { namespace: string; name: string },
  localEndpoints: number,
): void {
  response.writeHead(localEndpoints > 0 ? 200 : 503, {
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff',
    'x-load-balancing-endpoint-weight': String(localEndpoints),
  });
  response.end(JSON.stringify({ service, localEndpoints, serviceProxyHealthy: true }, null, '\t'));
}
